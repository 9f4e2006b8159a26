import { type FeedbackRow, type InboxItem, type Task, taskRetryable } from '@devbot/contracts'
import type { Permission } from '@devbot/github'
import type { WorkerDeps } from './deps.ts'
import { authorsToAsk, dropped, whyNotSteering } from './feedback-rows.ts'

type CommandItem = Extract<InboxItem, { kind: 'comment-command' }>

export type JudgedCommand = {
  /** What is kept of the comment: it is worked off, whoever lists it again. */
  readonly row: FeedbackRow
  /** What it asks for; absent when its author may not. */
  readonly asks?: InboxItem
}

/** What judging takes: GitHub's word on the author, and the ledger's on newer tasks of the plan. */
export type CommandJudges = {
  readonly github: Pick<WorkerDeps['github'], 'login' | 'permissionOf'>
  readonly ledger: Pick<WorkerDeps['ledger'], 'planTaskAt'>
}

export const isCommand = (item: InboxItem): item is CommandItem => item.kind === 'comment-command'

/** Asks GitHub, now, whether the comment's author may steer, and says what the command asks for. */
export async function judgeCommand(
  deps: CommandJudges,
  task: Pick<Task, 'id' | 'repository' | 'planPath' | 'status'>,
  { id, command, item }: CommandItem,
): Promise<JudgedCommand> {
  const ownLogin = await deps.github.login()
  const permissions = new Map<string, Permission>()
  for (const author of authorsToAsk([{ item }], ownLogin)) {
    permissions.set(author, await deps.github.permissionOf(task.repository, author))
  }
  const reason =
    whyNotSteering(item, { ownLogin, permissions }) ??
    (command === 'retry' ? await whyNotRetried(deps, task) : undefined)
  if (reason !== undefined) return { row: dropped(item, reason) }
  const row = { item, state: 'answered', decision: 'done', reason: `/devbot ${command}`, replyPosted: true } as const
  return { row, asks: askedFor(command, id, item.author) }
}

function askedFor(command: CommandItem['command'], id: string, by: string): InboxItem {
  switch (command) {
    case 'cancel':
      return { kind: 'cancel-requested', id, by }
    case 'pause':
      return { kind: 'pause-requested', id, by }
    case 'resume':
      return { kind: 'start-requested', id }
    case 'retry':
      return { kind: 'retry-requested', id, by }
  }
}

/** A plan that was edited after its task ended has a newer task, which works on it now. */
async function whyNotRetried(
  { ledger }: Pick<CommandJudges, 'ledger'>,
  task: Pick<Task, 'id' | 'repository' | 'planPath' | 'status'>,
): Promise<string | undefined> {
  if (!taskRetryable(task)) return undefined
  const newest = await ledger.planTaskAt(task.repository, task.planPath)
  return newest === undefined || newest.id === task.id ? undefined : `the plan has a newer task, ${newest.id}`
}
