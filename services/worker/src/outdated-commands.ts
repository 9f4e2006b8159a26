import { type FeedbackItem, type FeedbackRow, inboxItemFor, type Task } from '@devbot/contracts'

/** What is kept of such a command as the reason for not carrying it out. */
export const OUTDATED =
  'given before the ledger that knew of it was lost; it is not carried out a second time, say it again if it still holds'

/** Commands from before an adopted task was accepted: the lost ledger has probably carried them out. Pure. */
export function oldCommands(
  task: Pick<Task, 'adopted' | 'acceptedAtMs'>,
  rows: readonly FeedbackRow[],
): readonly FeedbackRow[] {
  if (task.adopted !== true) return []
  return rows.filter(({ item }) => isCommand(item) && Date.parse(item.submittedAt) < task.acceptedAtMs)
}

/** Which of the old ones hold no more: all but a cancel that is the last word of those who may steer. Pure. */
export function outdatedCommands(
  old: readonly FeedbackRow[],
  steering: readonly FeedbackItem[],
): readonly FeedbackRow[] {
  const last = steering
    .filter(isCommand)
    .toSorted((a, b) => Date.parse(a.submittedAt) - Date.parse(b.submittedAt) || a.objectId - b.objectId)
    .at(-1)
  return old.filter(({ item }) => item.id !== last?.id || !isCancel(item))
}

export function isCommand(item: FeedbackItem): boolean {
  return inboxItemFor(item).kind === 'comment-command'
}

function isCancel(item: FeedbackItem): boolean {
  const asked = inboxItemFor(item)
  return asked.kind === 'comment-command' && asked.command === 'cancel'
}
