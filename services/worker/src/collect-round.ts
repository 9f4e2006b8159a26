import {
  DevBotError,
  type FeedbackItem,
  type FeedbackRow,
  type InboxItem,
  inboxItemFor,
  type TaskId,
} from '@devbot/contracts'
import type { Permission } from '@devbot/github'
import type { WorkerDeps } from './deps.ts'
import {
  answeredIn,
  answeredRow,
  authorsToAsk,
  dropped as droppedRow,
  feedbackRowFor,
  judgeFeedback,
  undelivered,
  whyNotSteering,
  withoutOwn,
} from './feedback-rows.ts'
import { isCommand, OUTDATED, oldCommands, outdatedCommands } from './outdated-commands.ts'
import type { OwnedTask } from './own-task.ts'

/** Items one round takes; the rest waits for the next, so that a flood of comments cannot fill a prompt. */
const MAX_ROUND_ITEMS = 50
/** Rows written at once: with bodies of 64 KiB still far from what Redis takes in one command's time. */
const ROWS_PER_WRITE = 20

/**
 * Everything people asked for on the pull request and nobody worked off yet, as GitHub lists it now together with what
 * webhooks brought; each author's permission is asked now. What is dropped keeps its place and reason in the ledger,
 * but not its text: nobody who may not steer can fill the ledger. Commands that no webhook brought go into the inbox, to be
 * taken in before a round begins.
 */
export async function collectRound(
  deps: WorkerDeps,
  owned: OwnedTask,
  pullNumber: number,
): Promise<readonly FeedbackRow[] | 'commands-came'> {
  const { task } = owned
  const [listed, ownLogin, details] = await Promise.all([
    deps.github.listFeedback(task.repository, pullNumber),
    deps.github.login(),
    deps.ledger.details(task.id),
  ])
  const rows = details?.feedback ?? []
  const known = new Set(rows.map((row) => row.item.id))
  const unknown = withoutOwn(listed, ownLogin)
    .filter(({ id }) => !known.has(id))
    .map(feedbackRowFor)
  const answered = answeredIn(listed, ownLogin)
  const isAnswered = ({ item }: FeedbackRow) => answered.has(item.id)
  await rememberAnswered(deps, owned, unknown.filter(isAnswered), rows.filter(undelivered).filter(isAnswered))
  const fresh = unknown.filter((row) => !isAnswered(row))
  const waiting = [...rows.filter(undelivered).filter((row) => !isAnswered(row)), ...fresh]
  const outdated = await judgeOldCommands(deps, owned, waiting, withoutOwn(listed, ownLogin), ownLogin)
  if (outdated.length > 0) {
    const isOutdated = (row: FeedbackRow) => outdated.includes(row)
    await remember(
      deps,
      owned,
      fresh.filter(isOutdated),
      outdated.map(({ item }) => droppedRow(item, OUTDATED)),
    )
  }
  const commands = waiting.filter((row) => !outdated.includes(row))
  if (await bringCommands(deps, owned, commands)) return 'commands-came'
  const candidates = waiting.filter(({ item }) => inboxItemFor(item).kind === 'feedback')
  const permissions = await askPermissions(deps, owned, authorsToAsk(candidates, ownLogin))
  const { round, dropped } = judgeFeedback(candidates, { ownLogin, permissions })
  await remember(
    deps,
    owned,
    fresh.filter((row) => candidates.includes(row)),
    dropped,
  )
  return round.slice(0, MAX_ROUND_ITEMS)
}

/**
 * What a reply of ours on GitHub answers is not worked off again: the ledger that knew of it may be lost, or the answer of
 * the request that posted it.
 */
async function rememberAnswered(
  deps: WorkerDeps,
  { ownership }: OwnedTask,
  fresh: readonly FeedbackRow[],
  known: readonly FeedbackRow[],
): Promise<void> {
  await addInParts(deps, ownership, fresh.map(answeredRow))
  if (known.length > 0) await deps.ledger.updateFeedback(ownership, known.map(answeredRow))
}

async function addInParts(
  { ledger }: Pick<WorkerDeps, 'ledger'>,
  ownership: OwnedTask['ownership'],
  rows: readonly FeedbackRow[],
): Promise<void> {
  for (let start = 0; start < rows.length; start += ROWS_PER_WRITE) {
    await ledger.addFeedback(ownership, rows.slice(start, start + ROWS_PER_WRITE))
  }
}

/** Which commands were given to a task of a lost ledger, and are not carried out again. */
async function judgeOldCommands(
  deps: WorkerDeps,
  owned: OwnedTask,
  waiting: readonly FeedbackRow[],
  listed: readonly FeedbackItem[],
  ownLogin: string,
): Promise<readonly FeedbackRow[]> {
  const old = oldCommands(owned.task, waiting)
  if (old.length === 0) return []
  const commands = listed.filter(isCommand)
  const authors = authorsToAsk(
    commands.map((item) => ({ item })),
    ownLogin,
  )
  const permissions = await askPermissions(deps, owned, authors)
  const steering = commands.filter((item) => whyNotSteering(item, { ownLogin, permissions }) === undefined)
  return outdatedCommands(old, steering)
}

/** Whether any is new: what a webhook brought, too, is there once. */
async function bringCommands(
  deps: Pick<WorkerDeps, 'ledger'>,
  { task }: OwnedTask,
  rows: readonly FeedbackRow[],
): Promise<boolean> {
  let cameNew = false
  for (const item of rows.map((row) => inboxItemFor(row.item))) {
    if (item.kind === 'feedback') continue
    if (await bringsNew(deps, task.id, item)) cameNew = true
  }
  return cameNew
}

/** A command for which there is no room is read from GitHub again in the next round. */
async function bringsNew({ ledger }: Pick<WorkerDeps, 'ledger'>, taskId: TaskId, command: InboxItem): Promise<boolean> {
  try {
    return (await ledger.addToInbox(taskId, command)) === 'added'
  } catch (error) {
    if (error instanceof DevBotError && error.code === 'inbox-full') return false
    throw error
  }
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
  await addInParts(deps, owned.ownership, added)
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
