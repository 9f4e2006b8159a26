import { createHash } from 'node:crypto'
import { z } from 'zod'

/**
 * What a feedback item is, whatever brought it: repository id, kind, object id and version. The version is a hash of
 * the text, so an edited comment is a new item and a redelivered one is not.
 */
export const feedbackIdSchema = z
  .string()
  .regex(/^\d+-(review|inline-comment|conversation-comment)-\d+-[0-9a-f]{8}$/)
  .brand<'FeedbackId'>()
export type FeedbackId = z.infer<typeof feedbackIdSchema>

const feedbackKindSchema = z.enum(['review', 'inline-comment', 'conversation-comment'])
export type FeedbackKind = z.infer<typeof feedbackKindSchema>

/** One thing somebody said on a pull request, normalised; the same from a webhook and from the API. */
export const feedbackItemSchema = z.object({
  version: z.literal(1),
  id: feedbackIdSchema,
  kind: feedbackKindSchema,
  repositoryId: z.int().positive(),
  pullNumber: z.int().positive(),
  /** GitHub's id of the review or comment. */
  objectId: z.int().positive(),
  author: z.string().min(1).max(100),
  authorKind: z.enum(['user', 'bot']),
  /** Markdown as written; cut at 64 KiB (GitHub's own limit). */
  body: z.string().max(65_536),
  submittedAt: z.iso.datetime(),
  url: z.string().max(2000).optional(),
  /** Only for reviews: what the reviewer chose. */
  reviewState: z.enum(['changes-requested', 'commented', 'approved', 'dismissed', 'pending']).optional(),
  /** Only for inline comments. */
  path: z.string().max(4096).optional(),
  /** 1-based line on the new side; absent for outdated comments and comments on a whole file. */
  line: z.int().positive().optional(),
  hunk: z.string().max(65_536).optional(),
  reviewId: z.int().positive().optional(),
  /** The comment this one answers in its thread. */
  inReplyToId: z.int().positive().optional(),
})
export type FeedbackItem = z.infer<typeof feedbackItemSchema>

export const feedbackDecisionSchema = z.enum(['done', 'clarified', 'declined'])
export type FeedbackDecision = z.infer<typeof feedbackDecisionSchema>

/** The ledger's row of one item: what became of it. */
export const feedbackRowSchema = z.object({
  item: feedbackItemSchema,
  state: z.enum(['open', 'answered', 'dropped']),
  /** Why it was dropped, or the agent's decision's reason. */
  reason: z.string().max(4000).optional(),
  round: z.int().positive().optional(),
  decision: feedbackDecisionSchema.optional(),
  /** What DevBot answered, and where. */
  reply: z.string().max(65_536).optional(),
  replyPosted: z.boolean().optional(),
  /** The reply may have been posted then: it is looked for until GitHub's listings must show it. */
  replyAttemptedAtMs: z.int().optional(),
  commitId: z.string().optional(),
})
export type FeedbackRow = z.infer<typeof feedbackRowSchema>

/** The identity of an item from its parts. */
export function feedbackIdFor(parts: {
  readonly repositoryId: number
  readonly kind: FeedbackKind
  readonly objectId: number
  readonly body: string
  readonly reviewState?: string | undefined
}): FeedbackId {
  const version = createHash('sha256')
    .update(`${parts.reviewState ?? ''}\n${parts.body}`)
    .digest('hex')
    .slice(0, 8)
  return feedbackIdSchema.parse(`${parts.repositoryId}-${parts.kind}-${parts.objectId}-${version}`)
}
