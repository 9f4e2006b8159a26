import { withoutSecrets } from '@devbot/config'
import {
  categoryOf,
  DevBotError,
  endTask,
  type FeedbackRow,
  holdTask,
  type Plan,
  type Publication,
  parseCommitTrailers,
  parsePullRequestMarker,
  type RunRecord,
  replyMarkerFor,
  type Task,
} from '@devbot/contracts'
import type { RepositoryStore } from '@devbot/git'
import type { PullRequest } from '@devbot/github'
import type { WorkerDeps } from './deps.ts'
import type { OwnedTask } from './own-task.ts'
import { recordStatus } from './record-status.ts'
import { isDraft, pullRequestBody, pullRequestTitle } from './report/pull-request-text.ts'
import { planOf } from './stages/prepare.ts'

/**
 * Carries out what a run's `publication` announced: push, find or create the pull request, answer the feedback. Each
 * part asks first what is there already, so that it can be repeated after a crash without doubling anything.
 */
export async function completePublication(deps: WorkerDeps, owned: OwnedTask): Promise<void> {
  const { publication } = owned.task
  if (publication === undefined) return
  if (await endedMeanwhile(deps, owned)) return
  const { facts, store } = await deps.repositories.open(owned.task.repository)
  if (!(await pushed(deps, owned, store, publication))) return
  const runs = (await deps.ledger.details(owned.task.id))?.runs ?? []
  const run = runs.find((candidate) => candidate.id === publication.runId)
  if (run === undefined) {
    throw new DevBotError({
      category: 'bug',
      code: 'run-missing',
      message: `the ledger has no run ${publication.runId}`,
    })
  }
  if (publication.openPullRequest) await openPullRequest(deps, owned, run, facts.defaultBranch)
  await answerFeedback(deps, owned, run)
  await finishPublication(deps, owned, run)
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
      task,
      ours
        ? `the branch ${task.branch} holds other work of this task; delete it on GitHub or open a pull request from it, then start the task again`
        : `the branch ${task.branch} exists on GitHub and is not DevBot's; delete or rename it, or give the plan another branch, then start the task again`,
    ),
  )
  await recordStatus(owned)
  return false
}

async function openPullRequest(
  deps: WorkerDeps,
  owned: OwnedTask,
  run: RunRecord,
  defaultBranch: string,
): Promise<void> {
  const { task } = owned
  if (task.pullRequest !== undefined) return
  const { plan } = await planOf(deps, task.id, task.planPath)
  const draft = isDraft(plan, run)
  const found = (await deps.github.pullRequestsOfBranch(task.repository, task.branch)).find((pull) =>
    isOurs(pull, task),
  )
  if (found === undefined) await owned.mayAct()
  const pull = found ?? (await createPullRequest(deps, owned, run, { draft, base: task.baseBranch ?? defaultBranch }))
  await decorate(deps, owned, run.pullRequest ?? plan, pull)
  const { number, url } = pull
  await owned.save({ ...task, status: 'in-review', pullRequest: { number, url, draft: pull.draft } })
  await owned.record({ kind: 'pull-request-opened', number, url, draft: pull.draft })
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

/** An open one from this branch, or an ended one that carries this task's marker: a person's close is not undone. */
function isOurs(pull: PullRequest, task: Task): boolean {
  return pull.headInRepository && (pull.state === 'open' || parsePullRequestMarker(pull.body)?.taskId === task.id)
}

function createPullRequest(
  deps: WorkerDeps,
  { task }: OwnedTask,
  run: RunRecord,
  { draft, base }: { readonly draft: boolean; readonly base: string },
): Promise<PullRequest> {
  return deps.github.createPullRequest(task.repository, {
    branch: task.branch,
    base,
    title: withoutSecrets(pullRequestTitle(task, run), deps.secrets),
    body: withoutSecrets(pullRequestBody({ task, runs: [run], changes: run.changes }), deps.secrets),
    draft,
  })
}

/** Answers each item of the round where it was asked; the marker in each reply shows what was answered before a crash. */
async function answerFeedback(deps: WorkerDeps, owned: OwnedTask, run: RunRecord): Promise<void> {
  const { task } = owned
  if (run.kind !== 'revise' || task.pullRequest === undefined) return
  const rows = ((await deps.ledger.details(task.id))?.feedback ?? []).filter(
    (row) => row.round === run.round && row.reply !== undefined && row.replyPosted !== true,
  )
  if (rows.length === 0) return
  const posted = await deps.github.listOwnComments(task.repository, task.pullRequest.number)
  const { number } = task.pullRequest
  for (const row of rows) {
    const marker = replyMarkerFor(row.item.id)
    const body = `${row.reply ?? ''}\n\n${marker}`
    if (!posted.some((text) => text.includes(marker))) await postReply(deps, owned, number, row, body)
    await deps.ledger.updateFeedback(owned.ownership, [{ ...row, replyPosted: true }])
    await owned.record({ kind: 'reply-posted', feedbackId: row.item.id, decision: row.decision ?? 'done' })
  }
  await askForReviewAgain(
    deps,
    task,
    rows.flatMap((row) => (row.item.kind === 'review' ? [row.item.author] : [])),
  )
}

/** Posts one reply. A comment that was deleted meanwhile cannot be answered, and holds up nobody. */
async function postReply(
  deps: WorkerDeps,
  owned: OwnedTask,
  pullNumber: number,
  { item }: FeedbackRow,
  body: string,
): Promise<void> {
  const { repository, id: taskId } = owned.task
  await owned.mayAct()
  if (item.kind !== 'inline-comment') return deps.github.comment(repository, pullNumber, body)
  try {
    await deps.github.replyToInlineComment(repository, pullNumber, item.inReplyToId ?? item.objectId, body)
  } catch (error) {
    const isGone = error instanceof DevBotError && error.code === 'github-not-found'
    if (!isGone) throw error
    deps.log.warn({ taskId, feedbackId: item.id }, 'the comment is gone; its answer stands in the report only')
  }
}

async function askForReviewAgain(deps: WorkerDeps, task: Task, reviewers: readonly string[]): Promise<void> {
  if (task.pullRequest === undefined || reviewers.length === 0) return
  const refused = await deps.github.requestReviewers(task.repository, task.pullRequest.number, [...new Set(reviewers)])
  if (refused.length > 0) deps.log.info({ taskId: task.id, refused }, 'these people cannot be asked for a review')
}

async function finishPublication(deps: WorkerDeps, owned: OwnedTask, run: RunRecord): Promise<void> {
  const { task } = owned
  const { statusReason: _waited, notBeforeMs: _wait, ...done } = withoutPublication(task)
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
      withoutSecrets(pullRequestBody({ task: next, runs, changes: run.changes }), deps.secrets),
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
