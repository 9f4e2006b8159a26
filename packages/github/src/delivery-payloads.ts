import { z } from 'zod'
import {
  actorSchema,
  conversationCommentSchema,
  headSchema,
  inlineCommentSchema,
  repositorySchema,
  reviewSchema,
  timeSchema,
} from './github-objects.ts'

/** The events that carry feedback. All others are answered and forgotten. */
export const USED_EVENTS = [
  'pull_request',
  'pull_request_review',
  'pull_request_review_comment',
  'issue_comment',
] as const
export type UsedEvent = (typeof USED_EVENTS)[number]

const pullNumberSchema = z.int().positive()
const pullRequestSchema = z.object({ number: pullNumberSchema, head: headSchema })

export const reviewDeliverySchema = z.object({
  repository: repositorySchema,
  pull_request: pullRequestSchema,
  review: reviewSchema,
})
export const inlineCommentDeliverySchema = z.object({
  repository: repositorySchema,
  pull_request: pullRequestSchema,
  comment: inlineCommentSchema,
})
export const conversationDeliverySchema = z.object({
  repository: repositorySchema,
  issue: z.object({ number: pullNumberSchema, pull_request: z.looseObject({}).nullish() }),
  comment: conversationCommentSchema,
})
export const pullRequestDeliverySchema = z.object({
  action: z.enum(['closed', 'reopened']),
  repository: repositorySchema,
  pull_request: pullRequestSchema.extend({
    merged: z.boolean().nullish(),
    merged_at: timeSchema.nullish(),
    closed_at: timeSchema.nullish(),
    updated_at: timeSchema,
  }),
  sender: actorSchema,
})

/**
 * Which of the used events a payload is, from its own shape: the event header is not signed. Undefined for every
 * other payload. Looks at own properties only.
 */
export function eventOf(payload: object): UsedEvent | undefined {
  const hasObject = (key: string) => isObject(ownValue(payload, key))
  if (hasObject('comment') && hasObject('issue')) return 'issue_comment'
  if (!hasObject('pull_request') || hasObject('thread')) return undefined
  if (hasObject('comment')) return hasObject('review') ? undefined : 'pull_request_review_comment'
  if (hasObject('review')) return 'pull_request_review'
  return typeof ownValue(payload, 'number') === 'number' ? 'pull_request' : undefined
}

export function ownValue(payload: object, key: string): unknown {
  return Object.getOwnPropertyDescriptor(payload, key)?.value
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
