import type { FeedbackRow } from '@devbot/contracts'
import type { Permission } from '@devbot/github'
import type { WorkerDeps } from './deps.ts'
import { authorsToAsk, feedbackRowFor, judgeFeedback, undelivered, withoutOwn } from './feedback-rows.ts'
import type { OwnedTask } from './own-task.ts'

/** Items one round takes; the rest waits for the next, so that a flood of comments cannot fill a prompt. */
const MAX_ROUND_ITEMS = 50
/** Rows written at once: with bodies of 64 KiB still far from what Redis takes in one command's time. */
const ROWS_PER_WRITE = 20

/**
 * Everything people asked for on the pull request and nobody worked off yet, as GitHub lists it now together with what
 * webhooks brought; each author's permission is asked now. What is dropped keeps its place and reason in the ledger,
 * but not its text: nobody who may not steer can fill the ledger.
 */
export async function collectRound(
  deps: WorkerDeps,
  owned: OwnedTask,
  pullNumber: number,
): Promise<readonly FeedbackRow[]> {
  const { task } = owned
  const [listed, ownLogin, details] = await Promise.all([
    deps.github.listFeedback(task.repository, pullNumber),
    deps.github.login(),
    deps.ledger.details(task.id),
  ])
  const rows = details?.feedback ?? []
  const known = new Set(rows.map((row) => row.item.id))
  const fresh = withoutOwn(listed, ownLogin)
    .filter(({ id }) => !known.has(id))
    .map(feedbackRowFor)
  const candidates = [...rows.filter(undelivered), ...fresh]
  const permissions = await askPermissions(deps, owned, authorsToAsk(candidates, ownLogin))
  const { round, dropped } = judgeFeedback(candidates, { ownLogin, permissions })
  await remember(deps, owned, fresh, dropped)
  return round.slice(0, MAX_ROUND_ITEMS)
}

async function askPermissions(
  deps: WorkerDeps,
  { task }: OwnedTask,
  authors: readonly string[],
): Promise<ReadonlyMap<string, Permission>> {
  const permissions = new Map<string, Permission>()
  for (const author of authors) permissions.set(author, await deps.github.permissionOf(task.repository, author))
  return permissions
}

async function remember(
  deps: WorkerDeps,
  owned: OwnedTask,
  fresh: readonly FeedbackRow[],
  dropped: readonly FeedbackRow[],
): Promise<void> {
  const droppedById = new Map(dropped.map((row) => [row.item.id, row]))
  const added = fresh.map((row) => droppedById.get(row.item.id) ?? row)
  for (let start = 0; start < added.length; start += ROWS_PER_WRITE) {
    await deps.ledger.addFeedback(owned.ownership, added.slice(start, start + ROWS_PER_WRITE))
  }
  const freshIds = new Set(fresh.map((row) => row.item.id))
  await deps.ledger.updateFeedback(
    owned.ownership,
    dropped.filter((row) => !freshIds.has(row.item.id)),
  )
  for (const { item } of fresh.filter((row) => !droppedById.has(row.item.id))) {
    await owned.record({ kind: 'feedback-received', feedbackId: item.id, author: item.author })
  }
  for (const { item, reason } of dropped) {
    await owned.record({ kind: 'feedback-dropped', feedbackId: item.id, author: item.author, reason: reason ?? '' })
  }
}
