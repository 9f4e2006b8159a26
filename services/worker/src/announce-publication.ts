import type { FeedbackRow, ObjectId, RunOutcome } from '@devbot/contracts'
import type { WorkerDeps } from './deps.ts'
import type { OwnedTask } from './own-task.ts'
import { commitMessage } from './report/pull-request-text.ts'
import type { RunLog } from './run-log.ts'
import type { CollectedChange } from './stages/collect-change.ts'
import type { Source } from './stages/prepare.ts'

/** Paths of a pull request that a run's record keeps; `runRecordSchema` says so too. */
const MAX_RECORDED_CHANGES = 1000

/**
 * Makes the commit in the bare store and writes down what is about to be pushed, before anything is. A run that did not
 * finish keeps its work the same way: its commit is pushed, no pull request is opened for it.
 */
export async function announcePublication(
  deps: WorkerDeps,
  owned: OwnedTask,
  log: RunLog,
  input: {
    readonly source: Source
    readonly change: CollectedChange
    readonly outcome: RunOutcome
    /** The round's rows, given the new commit (none when nothing changed). */
    readonly answer?: (commitId: ObjectId | undefined) => readonly FeedbackRow[]
  },
): Promise<ObjectId> {
  const { source, change, outcome } = input
  return log.stage('publish', async () => {
    const { task } = owned
    const commitId =
      change.treeId !== source.startTreeId
        ? await source.store.commit({
            treeId: change.treeId,
            parents: [source.startCommitId],
            message: commitMessage(task, log.run, { instance: deps.settings.instance, outcome }),
            atMs: deps.now(),
          })
        : source.startCommitId
    const changes = await source.store.diffSummary(source.baseCommitId, commitId)
    log.change({
      baseCommitId: source.baseCommitId,
      commitId,
      treeId: change.treeId,
      changes: changes.slice(0, MAX_RECORDED_CHANGES),
    })
    if (input.answer !== undefined)
      await deps.ledger.updateFeedback(owned.ownership, input.answer(change.changed ? commitId : undefined))
    // On record with everything but its outcome: cut off here, the run goes on, and its claim is judged once more.
    await log.save()
    const onBranch = log.run.kind === 'revise' || source.keptWork !== undefined
    await owned.save({
      ...owned.task,
      repositoryId: source.facts.id,
      baseBranch: source.baseBranch,
      baseCommitId: source.baseCommitId,
      publication: {
        runId: log.run.id,
        commitId,
        ...(onBranch ? { expectedHeadId: source.startCommitId } : {}),
        openPullRequest: outcome.kind === 'finished',
        outcome,
      },
    })
    await log.end(outcome)
    return commitId
  })
}
