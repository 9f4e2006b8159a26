import type { ObjectId, RunRecord, TaskMarker } from '@devbot/contracts'
import type { WorkerDeps } from './deps.ts'
import type { OwnedTask } from './own-task.ts'

/** Paths of a pull request that a run's record keeps; `runRecordSchema` says so too. */
const MAX_RECORDED_CHANGES = 1000

/**
 * A record in the place of those that were lost with their ledger: what git knows of the branch, and nothing of what
 * was tested or paid for. The agent's words are those of the commit, which we wrote.
 */
export async function recordAdoptedRun(
  deps: WorkerDeps,
  owned: OwnedTask,
  found: { readonly branch: string; readonly baseBranch?: string; readonly marker: TaskMarker },
): Promise<RunRecord & { readonly commitId: ObjectId }> {
  const { task } = owned
  const { facts, store } = await deps.repositories.open(task.repository)
  const headId = await store.fetchBranch(found.branch)
  const baseHeadId = await store.fetchBranch(found.baseBranch ?? facts.defaultBranch)
  const baseCommitId = (await store.mergeBase(baseHeadId, headId)) ?? baseHeadId
  const nowMs = deps.now()
  const run = {
    version: 1,
    // The same for the same head: adopting twice is adopting once.
    id: `r-adopted-${headId.slice(0, 12)}`,
    kind: 'implement',
    planHash: found.marker.planHash,
    model: 'unknown',
    startedAtMs: nowMs,
    endedAtMs: nowMs,
    turns: 0,
    costMicroUsd: 0,
    tokens: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
    baseCommitId,
    commitId: headId,
    treeId: await store.treeOf(headId),
    refusedPaths: [],
    notes: [
      'The ledger was lost after this was made, and with it the records of its runs: tests, costs and answers up to then stand on GitHub only.',
    ],
    changes: (await store.diffSummary(baseCommitId, headId)).slice(0, MAX_RECORDED_CHANGES),
    finish: finishOf(await store.commitMessage(headId), task.title),
    outcome:
      found.marker.unfinished === undefined
        ? { kind: 'finished' }
        : { kind: 'gave-up', reason: `the run ended early: ${found.marker.unfinished}` },
  } satisfies RunRecord
  await deps.ledger.saveRun(owned.ownership, run)
  return run
}

function finishOf(message: string, title: string): NonNullable<RunRecord['finish']> {
  const [subject = '', ...rest] = message.split('\n')
  const said = rest
    .join('\n')
    .replace(/^DevBot-[\w-]+: .*$/gm, '')
    .trim()
  return {
    title: subject.trim().slice(0, 200) || title.slice(0, 200) || 'Untitled',
    summary: said.slice(0, 8000) || 'The commit says nothing more.',
    key_changes: [],
    technical_decisions: [],
    testing_notes: '',
    next_steps: [],
  }
}
