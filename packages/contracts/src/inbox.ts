import { z } from 'zod'
import { type FeedbackItem, feedbackItemSchema } from './feedback.ts'
import { planHashSchema } from './ids.ts'
import { commandIn, taskCommandSchema } from './task-command.ts'

/** Who asked, for people to read: a login, or who sat at the command line. */
const whoSchema = z.string().min(1).max(100)

/**
 * What happened to a task, waiting to be taken up by its owner. Watcher, ingress and command line append; only the
 * worker that owns the task removes. `id` says what the thing is, so the same thing twice is one item.
 */
export const inboxItemSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('plan-edited'), id: z.string(), planHash: planHashSchema, planText: z.string() }),
  z.object({ kind: z.literal('plan-moved'), id: z.string(), planPath: z.string() }),
  z.object({ kind: z.literal('plan-cancelled'), id: z.string(), planHash: planHashSchema }),
  z.object({ kind: z.literal('start-requested'), id: z.string() }),
  z.object({ kind: z.literal('cancel-requested'), id: z.string(), by: whoSchema }),
  z.object({ kind: z.literal('pause-requested'), id: z.string(), by: whoSchema }),
  z.object({ kind: z.literal('retry-requested'), id: z.string(), by: whoSchema }),
  /** `/devbot cancel` and its like on the pull request. Whether its author may is asked when it is taken up. */
  z.object({
    kind: z.literal('comment-command'),
    id: z.string(),
    command: taskCommandSchema,
    item: feedbackItemSchema,
  }),
  z.object({ kind: z.literal('feedback'), id: z.string(), item: feedbackItemSchema }),
  z.object({
    kind: z.literal('pull-request'),
    id: z.string(),
    action: z.enum(['closed', 'merged', 'reopened']),
    pullNumber: z.int().positive(),
    actor: z.string(),
  }),
])
export type InboxItem = z.infer<typeof inboxItemSchema>

/**
 * What somebody wrote on a pull request as it goes into the inbox: a command, where it is one, else feedback. Of a
 * command's text only the command stays: whoever comments cannot fill the inbox with what comes below it.
 */
export function inboxItemFor(item: FeedbackItem): Extract<InboxItem, { kind: 'feedback' | 'comment-command' }> {
  const command = item.kind === 'conversation-comment' ? commandIn(item.body) : undefined
  if (command === undefined) return { kind: 'feedback', id: item.id, item }
  return { kind: 'comment-command', id: `command-${item.id}`, command, item: { ...item, body: `/devbot ${command}` } }
}
