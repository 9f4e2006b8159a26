import { DevBotError, type FeedbackRow, type RunRecord, replyMarkerFor } from '@devbot/contracts'
import { untilListed, wasRefused } from './attempted-effect.ts'
import type { WorkerDeps } from './deps.ts'
import type { OwnedTask } from './own-task.ts'

/**
 * Answers each item of the round where it was asked. The marker in each reply shows what was answered before a crash.
 * Returns how long to wait, in milliseconds, when a reply may have been posted and GitHub does not list it yet.
 */
export async function answerFeedback(deps: WorkerDeps, owned: OwnedTask, run: RunRecord): Promise<number | undefined> {
  const { task } = owned
  if (run.kind !== 'revise' || task.pullRequest === undefined) return undefined
  const rows = ((await deps.ledger.details(task.id))?.feedback ?? []).filter(
    (row) => row.round === run.round && row.reply !== undefined,
  )
  const open = rows.filter((row) => row.replyPosted !== true)
  const { number } = task.pullRequest
  const posted = open.length === 0 ? [] : await deps.github.listOwnComments(task.repository, number)
  const waitsMs: number[] = []
  for (const row of open) {
    const isPosted = posted.some((text) => text.includes(replyMarkerFor(row.item.id)))
    const waitMs = untilListed(row.replyAttemptedAtMs, deps.now(), deps.settings.listingLagMs)
    if (!isPosted && waitMs !== undefined) {
      waitsMs.push(waitMs)
      continue
    }
    if (!isPosted) await attemptReply(deps, owned, number, row)
    await deps.ledger.updateFeedback(owned.ownership, [{ ...row, replyPosted: true }])
    await owned.record({ kind: 'reply-posted', feedbackId: row.item.id, decision: row.decision ?? 'done' })
  }
  if (waitsMs.length > 0) return Math.max(...waitsMs)
  await askForReviewAgain(
    deps,
    owned,
    rows.flatMap((row) => (row.item.kind === 'review' ? [row.item.author] : [])),
  )
  return undefined
}

/** That it is attempted is written down first: a lost answer together with a stale list must not make two. */
async function attemptReply(deps: WorkerDeps, owned: OwnedTask, pullNumber: number, row: FeedbackRow): Promise<void> {
  await deps.ledger.updateFeedback(owned.ownership, [{ ...row, replyAttemptedAtMs: deps.now() }])
  await owned.mayAct()
  try {
    await postReply(deps, owned, pullNumber, row)
  } catch (error) {
    const { replyAttemptedAtMs: _refused, ...notPosted } = row
    if (wasRefused(error)) await deps.ledger.updateFeedback(owned.ownership, [notPosted])
    throw error
  }
}

/** Posts one reply. A comment that was deleted meanwhile cannot be answered, and holds up nobody. */
async function postReply(deps: WorkerDeps, owned: OwnedTask, pullNumber: number, row: FeedbackRow): Promise<void> {
  const { repository, id: taskId } = owned.task
  const { item } = row
  const body = `${row.reply ?? ''}\n\n${replyMarkerFor(item.id)}`
  if (item.kind !== 'inline-comment') return deps.github.comment(repository, pullNumber, body, owned.signal)
  try {
    const threadId = item.inReplyToId ?? item.objectId
    await deps.github.replyToInlineComment(repository, pullNumber, threadId, body, owned.signal)
  } catch (error) {
    const isGone = error instanceof DevBotError && error.code === 'github-not-found'
    if (!isGone) throw error
    deps.log.warn({ taskId, feedbackId: item.id }, 'the comment is gone; its answer stands in the report only')
  }
}

async function askForReviewAgain(deps: WorkerDeps, owned: OwnedTask, reviewers: readonly string[]): Promise<void> {
  const { task } = owned
  if (task.pullRequest === undefined || reviewers.length === 0) return
  await owned.mayAct()
  const refused = await deps.github.requestReviewers(task.repository, task.pullRequest.number, [...new Set(reviewers)])
  if (refused.length > 0) deps.log.info({ taskId: task.id, refused }, 'these people cannot be asked for a review')
}
