import { withoutSecrets } from '@devbot/config'
import {
  categoryOf,
  DevBotError,
  type Plan,
  type Publication,
  parsePullRequestMarker,
  type RunRecord,
  type Task,
} from '@devbot/contracts'
import type { PullRequest } from '@devbot/github'
import { untilListed, wasRefused } from './attempted-effect.ts'
import type { WorkerDeps } from './deps.ts'
import type { OwnedTask } from './own-task.ts'
import { isDraft, pullRequestBody, pullRequestTitle } from './report/pull-request-text.ts'
import { planOf } from './stages/prepare.ts'

/**
 * Finds the branch's pull request or creates it, and records it. Returns how long to wait, in milliseconds, when it may
 * have been created and GitHub does not list it yet.
 */
export async function openPullRequest(
  deps: WorkerDeps,
  owned: OwnedTask,
  publication: Publication,
  run: RunRecord,
  defaultBranch: string,
): Promise<number | undefined> {
  const { task } = owned
  if (task.pullRequest !== undefined) return undefined
  const { plan } = await planOf(deps, task.id, task.planPath)
  const found = (await deps.github.pullRequestsOfBranch(task.repository, task.branch)).find((pull) =>
    isOurs(pull, task),
  )
  const waitMs = untilListed(publication.pullRequestAttemptedAtMs, deps.now(), deps.settings.listingLagMs)
  if (found === undefined && waitMs !== undefined) return waitMs
  const pull =
    found ??
    (await createPullRequest(deps, owned, publication, run, {
      draft: isDraft(plan, run),
      base: task.baseBranch ?? defaultBranch,
    }))
  if (!(await mayHaveEnded(owned))) await decorate(deps, owned, run.pullRequest ?? plan, pull)
  const { number, url } = pull
  await owned.save({ ...owned.task, status: 'in-review', pullRequest: { number, url, draft: pull.draft } })
  await owned.record({ kind: 'pull-request-opened', number, url, draft: pull.draft })
  return undefined
}

/** An open one from this branch, or an ended one that carries this task's marker: a person's close is not undone. */
function isOurs(pull: PullRequest, task: Task): boolean {
  return pull.headInRepository && (pull.state === 'open' || parsePullRequestMarker(pull.body)?.taskId === task.id)
}

/** That it is attempted is written down first: a lost answer together with a stale list must not make two. */
async function createPullRequest(
  deps: WorkerDeps,
  owned: OwnedTask,
  publication: Publication,
  run: RunRecord,
  { draft, base }: { readonly draft: boolean; readonly base: string },
): Promise<PullRequest> {
  const { task } = owned
  await owned.save({ ...task, publication: { ...publication, pullRequestAttemptedAtMs: deps.now() } })
  await owned.mayAct()
  try {
    const body = pullRequestBody({ task, instance: deps.settings.instance, runs: [run], changes: run.changes })
    return await deps.github.createPullRequest(
      task.repository,
      {
        branch: task.branch,
        base,
        title: withoutSecrets(pullRequestTitle(task, run), deps.secrets),
        body: withoutSecrets(body, deps.secrets),
        draft,
      },
      owned.signal,
    )
  } catch (error) {
    // "There is one already" is a conflict, so a conflict says nothing about whether it was made.
    if (wasRefused(error) && categoryOf(error) !== 'conflict') await owned.save({ ...task, publication })
    throw error
  }
}

/** A task that a person may have ended gets no labels any more; its pull request is recorded, for its report to name. */
async function mayHaveEnded(owned: OwnedTask): Promise<boolean> {
  try {
    await owned.mayAct()
    return false
  } catch (error) {
    if (error instanceof DevBotError && error.code === 'task-may-have-ended') return true
    throw error
  }
}

/**
 * Labels and reviewers, before the pull request is recorded: after a crash it is found again and these are repeated,
 * which is harmless. They are not worth holding the task for: what GitHub refuses is logged.
 */
async function decorate(
  deps: WorkerDeps,
  { task }: OwnedTask,
  { labels = [], reviewers = [] }: Pick<Plan, 'labels' | 'reviewers'>,
  { number }: PullRequest,
): Promise<void> {
  try {
    if (labels.length > 0) await deps.github.addLabels(task.repository, number, labels)
    if (reviewers.length > 0) await deps.github.requestReviewers(task.repository, number, reviewers)
  } catch (error) {
    if (categoryOf(error) !== 'permission' && categoryOf(error) !== 'conflict') throw error
    deps.log.warn(
      { taskId: task.id, error },
      'labels or reviewers were refused; the pull request is there without them',
    )
  }
}
