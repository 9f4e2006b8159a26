import {
  branchNameProblem,
  type FeedbackItem,
  type InboxItem,
  inboxItemFor,
  type RepositoryName,
} from '@devbot/contracts'
import type { z } from 'zod'
import {
  conversationDeliverySchema,
  eventOf,
  inlineCommentDeliverySchema,
  isObject,
  ownValue,
  pullRequestDeliverySchema,
  reviewDeliverySchema,
  USED_EVENTS,
  type UsedEvent,
} from './delivery-payloads.ts'
import {
  type FeedbackPlace,
  feedbackFromConversationComment,
  feedbackFromInlineComment,
  feedbackFromReview,
} from './feedback-item.ts'

export type Delivery =
  | {
      readonly kind: 'items'
      /** The branch is missing where GitHub does not say it: conversation comments. */
      readonly target: { readonly repository: RepositoryName; readonly branch?: string; readonly pullNumber: number }
      readonly items: readonly InboxItem[]
    }
  /** A true delivery that is not for DevBot. */
  | { readonly kind: 'ignored'; readonly reason: string }
  /** Not what GitHub sends. */
  | { readonly kind: 'malformed'; readonly reason: string }

export type DeliveryInput = {
  /** The unsigned `X-GitHub-Event` header. */
  readonly event: string | undefined
  /** The parsed body, whose signature was verified. */
  readonly payload: unknown
  readonly allowedRepositories: readonly RepositoryName[]
  readonly branchPrefix: string
  /** Our own login where it is known; what it wrote is ignored. */
  readonly ownLogin?: string | undefined
}

type Rules = Pick<DeliveryInput, 'allowedRepositories' | 'branchPrefix' | 'ownLogin'>

/** Actions that say something new, by event. */
const USED_ACTIONS: Readonly<Record<UsedEvent, readonly string[]>> = {
  pull_request: ['closed', 'reopened'],
  pull_request_review: ['submitted', 'edited'],
  pull_request_review_comment: ['created', 'edited'],
  issue_comment: ['created', 'edited'],
}

/**
 * What a delivery means: items for the inbox of the task with this branch or pull request, or nothing. Pure, never
 * throws. Says nothing about whether the author may steer: that is asked from GitHub when an item is used.
 */
export function readDelivery(input: DeliveryInput): Delivery {
  const { event, payload } = input
  if (!isObject(payload)) return malformed('expected a JSON object')
  if (event === undefined || !/^[a-z0-9_]{1,64}$/.test(event)) return malformed('expected an X-GitHub-Event header')
  const shape = eventOf(payload)
  if (shape !== USED_EVENTS.find((used) => used === event)) {
    return malformed(
      `expected the body of event ${event}, found ${shape === undefined ? 'another' : `that of ${shape}`}`,
    )
  }
  if (shape === undefined) return ignored(`event ${event} is not used`)
  const action = ownValue(payload, 'action')
  if (typeof action !== 'string') return malformed('expected a text in action')
  if (!USED_ACTIONS[shape].includes(action)) return ignored(`this action of event ${event} is not used`)
  return readers[shape](payload, input)
}

const readers: Readonly<Record<UsedEvent, (payload: object, rules: Rules) => Delivery>> = {
  pull_request_review: (payload, rules) =>
    parsed(reviewDeliverySchema, payload, ({ repository, pull_request, review }) =>
      ours({ repository, pull_request }, rules, (place) => fromFeedback(feedbackFromReview(place, review), rules)),
    ),
  pull_request_review_comment: (payload, rules) =>
    parsed(inlineCommentDeliverySchema, payload, ({ repository, pull_request, comment }) =>
      ours({ repository, pull_request }, rules, (place) =>
        fromFeedback(feedbackFromInlineComment(place, comment), rules),
      ),
    ),
  issue_comment: (payload, rules) =>
    parsed(conversationDeliverySchema, payload, ({ repository, issue, comment }) => {
      if (!issue.pull_request) return ignored('the comment is on an issue, not on a pull request')
      const place = { repository, pull_request: { number: issue.number } }
      return ours(place, rules, (where) => fromFeedback(feedbackFromConversationComment(where, comment), rules))
    }),
  pull_request: (payload, rules) =>
    parsed(pullRequestDeliverySchema, payload, (delivery) => ours(delivery, rules, () => pullRequestItem(delivery))),
}

function parsed<T>(schema: z.ZodType<T>, payload: object, read: (data: T) => Delivery): Delivery {
  const result = schema.safeParse(payload)
  if (result.success) return read(result.data)
  const places = result.error.issues.slice(0, 3).map((issue) => issue.path.join('.'))
  return malformed(`expected GitHub's fields, but these do not fit: ${places.join(', ')}`)
}

type Place = {
  readonly repository: { readonly id: number; readonly full_name: string }
  readonly pull_request: {
    readonly number: number
    readonly head?: { readonly ref: string; readonly repo?: { readonly id: number } | null | undefined }
  }
}

/** The target, if repository and branch are ones that DevBot works on; what arrived is then read by `itemAt`. */
function ours(
  { repository, pull_request }: Place,
  rules: Rules,
  itemAt: (place: FeedbackPlace) => InboxItem | string,
): Delivery {
  const name = rules.allowedRepositories.find((one) => one.toLowerCase() === repository.full_name.toLowerCase())
  if (name === undefined) return ignored('the repository is not among ALLOWED_REPOS')
  const { number: pullNumber, head } = pull_request
  if (head !== undefined && head.repo?.id !== repository.id) return ignored('the branch is in a fork')
  if (head !== undefined && !isOurBranch(head.ref, rules)) return ignored('the branch is not one of ours')
  const item = itemAt({ repositoryId: repository.id, pullNumber })
  if (typeof item === 'string') return ignored(item)
  const target = { repository: name, pullNumber, ...(head === undefined ? {} : { branch: head.ref }) }
  return { kind: 'items', target, items: [item] }
}

function isOurBranch(branch: string, rules: Rules): boolean {
  return branch.startsWith(rules.branchPrefix) && branchNameProblem(branch) === undefined
}

/** The inbox item, or why there is none. */
function fromFeedback(item: FeedbackItem | undefined, rules: Rules): InboxItem | string {
  if (item === undefined) return 'the review is not submitted'
  if (item.authorKind === 'bot') return 'written by a bot'
  if (item.author.toLowerCase() === rules.ownLogin?.toLowerCase()) return 'written by ourselves'
  return inboxItemFor(item)
}

/** The times in the ids are the payload's own: the same fact carries the same time whenever it is delivered again. */
function pullRequestItem(delivery: z.infer<typeof pullRequestDeliverySchema>): InboxItem {
  const { number, merged, merged_at, closed_at, updated_at } = delivery.pull_request
  const isMerged = delivery.action === 'closed' && (merged || merged_at)
  const action = isMerged ? 'merged' : delivery.action
  const atTime = { merged: merged_at, closed: closed_at, reopened: updated_at }[action] ?? updated_at
  const actor = delivery.sender?.login ?? 'ghost'
  return { kind: 'pull-request', id: `pull-${number}-${action}-${atTime}`, action, pullNumber: number, actor }
}

function ignored(reason: string): Delivery {
  return { kind: 'ignored', reason }
}

function malformed(reason: string): Delivery {
  return { kind: 'malformed', reason }
}
