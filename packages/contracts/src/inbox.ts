import { z } from 'zod'
import { feedbackItemSchema } from './feedback.ts'
import { planHashSchema } from './ids.ts'

/**
 * What happened to a task, waiting to be taken up by its owner. Watcher, ingress and command line append; only the
 * worker that owns the task removes. `id` says what the thing is, so the same thing twice is one item.
 */
export const inboxItemSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('plan-edited'), id: z.string(), planHash: planHashSchema, planText: z.string() }),
  z.object({ kind: z.literal('plan-moved'), id: z.string(), planPath: z.string() }),
  z.object({ kind: z.literal('plan-cancelled'), id: z.string(), planHash: planHashSchema }),
  z.object({ kind: z.literal('start-requested'), id: z.string() }),
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
