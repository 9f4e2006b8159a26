import { withoutSecrets } from '@devbot/config'
import {
  DevBotError,
  endTask,
  holdTask,
  type Publication,
  parseCommitTrailers,
  type RunRecord,
  type Task,
} from '@devbot/contracts'
import type { RepositoryStore } from '@devbot/git'
import { adoptedMeanwhile } from './adopt-left-behind.ts'
import { answerFeedback } from './answer-feedback.ts'
import type { WorkerDeps } from './deps.ts'
import { openPullRequest } from './open-pull-request.ts'
import type { OwnedTask } from './own-task.ts'
import { recordStatus } from './record-status.ts'
import { pullRequestBody } from './report/pull-request-text.ts'

/**
 * Carries out what a run's `publication` announced: push, find or create the pull request, answer the feedback. Each
 * part asks first what is there already, so that it can be repeated after a crash without doubling anything. What may
 * be there and is not listed yet is waited for: the task is due again then, and everything is asked anew.
 */
export async function completePublication(
  deps: WorkerDeps,
  owned: OwnedTask,
): Promise<'go-on' | { readonly dueAtMs: number; readonly reason: string }> {
  const { publication } = owned.task
  if (publication === undefined) return 'go-on'
  if (await endedMeanwhile(deps, owned)) return 'go-on'
  const isNewBranch = owned.task.headCommitId === undefined && publication.expectedHeadId === undefined
  if (isNewBranch && (await adoptedMeanwhile(deps, owned))) return 'go-on'
  const { facts, store } = await deps.repositories.open(owned.task.repository, owned.signal)
  if (!(await pushed(deps, owned, store, publication))) return 'go-on'
  const runs = (await deps.ledger.details(owned.task.id))?.runs ?? []
  const recorded = runs.find((candidate) => candidate.id === publication.runId)
  if (recorded === undefined) {
    throw new DevBotError({
      category: 'bug',
      code: 'run-missing',
      message: `the ledger has no run ${publication.runId}`,
    })
  }
  const run = await closed(deps, owned, recorded, publication)
  const waitMs =
    (publication.openPullRequest
      ? await openPullRequest(deps, owned, publication, run, facts.defaultBranch)
      : undefined) ?? (await answerFeedback(deps, owned, run))
  if (waitMs !== undefined) return { dueAtMs: deps.now() + waitMs, reason: 'confirming' }
  await finishPublication(deps, owned, run)
  return 'go-on'
}

/** The run's record with its outcome, also where the worker was killed between the two. */
async function closed(
  { ledger, now }: Pick<WorkerDeps, 'ledger' | 'now'>,
  { ownership }: OwnedTask,
  run: RunRecord,
  { outcome }: Publication,
): Promise<RunRecord> {
  if (outcome === undefined || run.outcome?.kind === outcome.kind) return run
  const ended = { ...run, outcome, endedAtMs: now() }
  await ledger.saveRun(ownership, ended)
  return ended
}

/** A pull request that a person closed or merged gets nothing more; the review step ends the task. */
async function endedMeanwhile(deps: WorkerDeps, owned: OwnedTask): Promise<boolean> {
  const { repository, pullRequest } = owned.task
  if (pullRequest === undefined) return false
  const { state } = await deps.github.pullRequest(repository, pullRequest.number)
  if (state === 'open') return false
  await owned.save(withoutPublication(owned.task))
  return true
}

/** Whether the branch now points at the commit. If it cannot, the task was put on a way that fits, and this is false. */
async function pushed(
  deps: WorkerDeps,
  owned: OwnedTask,
  store: RepositoryStore,
  publication: Publication,
): Promise<boolean> {
  const { task } = owned
  const { commitId, expectedHeadId } = publication
  if (task.headCommitId === commitId) return true
  if (!(await store.hasCommit(commitId))) {
    // The store is a cache and was lost: what was pushed before stands, anything else is made anew.
    const wasPushed = (await store.remoteHead(task.branch)) === commitId
    if (!wasPushed) await reopen(deps, owned, publication.runId)
    await owned.save(wasPushed ? { ...task, headCommitId: commitId } : withoutPublication(task))
    return wasPushed
  }
  await owned.mayAct()
  try {
    await store.push({ commitId, branch: task.branch, expectedHeadId })
  } catch (error) {
    if (!(error instanceof DevBotError) || error.code !== 'git-branch-moved') throw error
    return giveWay(deps, owned, store)
  }
  await owned.save({ ...task, headCommitId: commitId })
  await owned.record({ kind: 'branch-pushed', branch: task.branch, commitId })
  return true
}

/** The run goes on: what it had done is in its record and its checkpoint, and its claim is judged once more. */
async function reopen({ ledger }: Pick<WorkerDeps, 'ledger'>, owned: OwnedTask, runId: string): Promise<void> {
  const runs = (await ledger.details(owned.task.id))?.runs ?? []
  const run = runs.find(({ id }) => id === runId)
  if (run === undefined) return
  const { outcome: _ended, endedAtMs: _endedAt, ...open } = run
  await ledger.saveRun(owned.ownership, open)
}

/** Somebody else moved the branch: their commits are built upon, never replaced. */
async function giveWay(deps: WorkerDeps, owned: OwnedTask, store: RepositoryStore): Promise<false> {
  const task = withoutPublication(owned.task)
  if (task.pullRequest !== undefined) {
    deps.log.warn({ taskId: task.id }, 'the branch moved during the round; the round starts again from its new head')
    await owned.save(task)
    return false
  }
  const headId = await store.fetchBranch(task.branch)
  const ours = parseCommitTrailers(await store.commitMessage(headId))?.taskId === task.id
  await owned.save(
    holdTask(
      ours ? { ...task, headCommitId: headId } : task,
      ours
        ? `the branch ${task.branch} holds other work of this task; start the task again to go on with it, or delete the branch on GitHub first to begin anew`
        : `the branch ${task.branch} exists on GitHub and is not DevBot's; delete or rename it, or give the plan another branch, then start the task again`,
    ),
  )
  await recordStatus(owned)
  return false
}

async function finishPublication(deps: WorkerDeps, owned: OwnedTask, run: RunRecord): Promise<void> {
  const { task } = owned
  const { statusReason: _waited, statusCode: _code, notBeforeMs: _wait, ...done } = withoutPublication(task)
  const rounds =
    run.kind === 'revise' && run.outcome?.kind === 'finished' ? Math.max(task.rounds, run.round ?? 0) : task.rounds
  // An edit that came after the run had read the plan is still to be worked off.
  const planEdited = task.planEdited && !(run.outcome?.kind === 'finished' && run.planHash === task.planHash)
  const next = endingOf({ ...done, planEdited, rounds, failedAttempts: 0, reportDue: true }, run, deps.now())
  if (run.kind === 'revise' && task.pullRequest !== undefined) {
    const runs = (await deps.ledger.details(task.id))?.runs ?? [run]
    await owned.mayAct()
    await deps.github.updatePullRequestBody(
      task.repository,
      task.pullRequest.number,
      withoutSecrets(
        pullRequestBody({ task: next, instance: deps.settings.instance, runs, changes: run.changes }),
        deps.secrets,
      ),
    )
  }
  await owned.save(next)
  if (next.status !== task.status) await recordStatus(owned)
}

/** A run that did not finish kept its work on the branch; without a pull request the task ends, with one a person is asked. */
function endingOf(task: Task, run: RunRecord, nowMs: number): Task {
  const { outcome } = run
  if (outcome?.kind !== 'limit-reached' && outcome?.kind !== 'gave-up') return task
  const why =
    outcome.kind === 'limit-reached'
      ? `the limit on ${outcome.limit} was reached: ${outcome.detail}`
      : `the agent gave up: ${outcome.reason}`
  const reason = `${why}; the work so far is on the branch ${task.branch}, not verified`
  return task.pullRequest === undefined ? endTask(task, 'given-up', reason, nowMs) : holdTask(task, reason)
}

function withoutPublication(task: Task): Task {
  const { publication: _done, ...rest } = task
  return rest
}
