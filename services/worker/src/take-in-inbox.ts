import { DevBotError, foldInbox, type InboxItem, type Task } from '@devbot/contracts'
import { isCommand, judgeCommand } from './comment-commands.ts'
import type { WorkerDeps } from './deps.ts'
import { feedbackRowFor } from './feedback-rows.ts'
import type { OwnedTask } from './own-task.ts'
import { recordStatus } from './record-status.ts'

/** Parts of an inbox that are taken in before the next decision; what a flood leaves makes the task due again. */
const MAX_PARTS = 10

/** Commands that stay in the inbox, because nobody said whether their authors may give them. */
export type UnheardCommands = {
  readonly error: unknown
  /** Of the inbox when they were left there. */
  readonly inboxSequence: number
}

/**
 * Takes what waits in the inbox into the task. Of commands that came as comments, GitHub is asked whether their author may
 * give them; when it does not say, they stay where they are, and the rest is taken in.
 */
export async function takeInInbox(deps: WorkerDeps, owned: OwnedTask): Promise<UnheardCommands | undefined> {
  for (let part = 0; part < MAX_PARTS; part++) {
    const took = await takeInPart(deps, owned)
    if (took === 'nothing') return undefined
    if (took !== 'some') return took
  }
  return undefined
}

/** As much as one reading of the inbox gives. */
async function takeInPart(deps: WorkerDeps, owned: OwnedTask): Promise<'some' | 'nothing' | UnheardCommands> {
  const snapshot = await deps.ledger.snapshot(owned.task.id)
  if (snapshot === undefined || snapshot.inbox.length === 0) {
    // What the task was stopped to look at has been taken in already.
    if (owned.signal.aborted) owned.rearm()
    return 'nothing'
  }
  const { task, inbox, inboxSequence } = snapshot
  let asked: readonly InboxItem[]
  try {
    asked = await askedByCommands(deps, owned, task, inbox)
  } catch (error) {
    if (error instanceof DevBotError && error.code === 'ownership-lost') throw error
    const certain = inbox.filter((item) => !isCommand(item))
    if (certain.length > 0) await takeIn(deps, owned, task, certain, certain)
    return { error, inboxSequence }
  }
  await takeIn(deps, owned, task, asked, inbox)
  return 'some'
}

/** `items` are folded in the place of what is `taken` out of the inbox. */
async function takeIn(
  deps: WorkerDeps,
  owned: OwnedTask,
  before: Task,
  items: readonly InboxItem[],
  taken: readonly InboxItem[],
): Promise<void> {
  const folded = foldInbox(before, items, deps.now())
  if (folded.feedback.length > 0) {
    await deps.ledger.addFeedback(owned.ownership, folded.feedback.map(feedbackRowFor))
  }
  await owned.save(folded.task, {
    inboxIds: taken.map((item) => item.id),
    ...(folded.planText === undefined ? {} : { planText: folded.planText }),
  })
  if (folded.task.status !== before.status) await recordStatus(owned)
  owned.rearm()
}

/** The inbox, with what commands ask for in their place; those whose author may not are out of it. */
async function askedByCommands(
  deps: WorkerDeps,
  owned: OwnedTask,
  task: Task,
  inbox: readonly InboxItem[],
): Promise<readonly InboxItem[]> {
  const asked: InboxItem[] = []
  for (const item of inbox) {
    if (!isCommand(item)) {
      asked.push(item)
      continue
    }
    const { row, asks } = await judgeCommand(deps, task, item)
    // Added where it is new; where an earlier DevBot took it for feedback, it is that no more.
    await deps.ledger.addFeedback(owned.ownership, [row])
    await deps.ledger.updateFeedback(owned.ownership, [row])
    if (asks !== undefined) asked.push(asks)
    else {
      const { id: feedbackId, author } = row.item
      await owned.record({ kind: 'feedback-dropped', feedbackId, author, reason: row.reason ?? '' })
    }
  }
  return asked
}
