import { z } from 'zod'

/** GitHub's objects as webhooks and the REST API both give them, reduced to what DevBot reads. */

/** ISO 8601; brought to whole seconds in UTC where possible, so that both sources give the same text. */
export const timeSchema = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text).toISOString().replace('.000Z', 'Z'))

const idSchema = z.int().positive()
const userSchema = z.object({ login: z.string().min(1).max(100), type: z.string().optional() })
export type GitHubUser = z.infer<typeof userSchema>

/** Absent for accounts that were deleted. */
export const actorSchema = userSchema.nullish()

export const repositorySchema = z.object({ id: idSchema, full_name: z.string() })

/** `CHANGES_REQUESTED` in the REST API's lists, `changes_requested` in webhooks. */
const reviewStateSchema = z
  .string()
  .transform((state) => state.toLowerCase().replaceAll('_', '-'))
  .pipe(z.enum(['changes-requested', 'commented', 'approved', 'dismissed', 'pending']))

export const reviewSchema = z.object({
  id: idSchema,
  user: actorSchema,
  body: z.string().nullish(),
  state: reviewStateSchema,
  /** Absent while the review is pending. */
  submitted_at: timeSchema.nullish(),
  html_url: z.string().nullish(),
})
export type GitHubReview = z.infer<typeof reviewSchema>

export const inlineCommentSchema = z.object({
  id: idSchema,
  user: actorSchema,
  body: z.string().nullish(),
  created_at: timeSchema,
  html_url: z.string().nullish(),
  path: z.string(),
  /** Null when the comment is outdated or on a whole file. */
  line: z.int().positive().nullish(),
  side: z.string().nullish(),
  diff_hunk: z.string().nullish(),
  pull_request_review_id: idSchema.nullish(),
  in_reply_to_id: idSchema.nullish(),
})
export type GitHubInlineComment = z.infer<typeof inlineCommentSchema>

export const conversationCommentSchema = z.object({
  id: idSchema,
  user: actorSchema,
  body: z.string().nullish(),
  created_at: timeSchema,
  html_url: z.string().nullish(),
})
export type GitHubConversationComment = z.infer<typeof conversationCommentSchema>

/** `repo` is null when the fork was deleted. */
export const headSchema = z.object({ ref: z.string(), sha: z.string(), repo: z.object({ id: idSchema }).nullish() })

/** What is common to a pull request alone, in a list and in a delivery. */
export const pullRequestSchema = z.object({
  number: idSchema,
  html_url: z.string(),
  state: z.enum(['open', 'closed']),
  draft: z.boolean().nullish(),
  title: z.string(),
  body: z.string().nullish(),
  user: actorSchema,
  head: headSchema,
  base: z.object({ ref: z.string(), repo: z.object({ id: idSchema }) }),
  merged_at: timeSchema.nullish(),
  /** Only when one pull request was asked for. */
  merged_by: actorSchema,
})
export type GitHubPullRequest = z.infer<typeof pullRequestSchema>
