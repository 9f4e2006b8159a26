import { type FeedbackItem, feedbackIdFor } from '@devbot/contracts'
import type { GitHubConversationComment, GitHubInlineComment, GitHubReview, GitHubUser } from './github-objects.ts'

/** GitHub's own limit for a body, and the contract's for a text. */
const MAX_TEXT_LENGTH = 65_536
const MAX_URL_LENGTH = 2_000
const MAX_PATH_LENGTH = 4_096
/** How GitHub shows what a deleted account wrote. */
const GHOST = 'ghost'

/** Where a feedback item belongs. */
export type FeedbackPlace = { readonly repositoryId: number; readonly pullNumber: number }

/** A review's own body and state; its inline comments are items of their own. Undefined while it is not submitted. */
export function feedbackFromReview(place: FeedbackPlace, review: GitHubReview): FeedbackItem | undefined {
  const submittedAt = review.submitted_at
  if (!submittedAt || review.state === 'pending') return undefined
  const body = cut(review.body)
  const identity = { ...place, kind: 'review', objectId: review.id, body, reviewState: review.state } as const
  return {
    version: 1,
    id: feedbackIdFor(identity),
    ...identity,
    ...authorOf(review.user),
    submittedAt,
    ...urlOf(review),
  }
}

export function feedbackFromInlineComment(place: FeedbackPlace, comment: GitHubInlineComment): FeedbackItem {
  const body = cut(comment.body)
  const identity = { ...place, kind: 'inline-comment', objectId: comment.id, body } as const
  return {
    version: 1,
    id: feedbackIdFor(identity),
    ...identity,
    ...authorOf(comment.user),
    submittedAt: comment.created_at,
    ...urlOf(comment),
    path: comment.path.slice(0, MAX_PATH_LENGTH),
    // On the left side the number is a line of the old file.
    ...(comment.line && comment.side !== 'LEFT' ? { line: comment.line } : {}),
    ...(comment.diff_hunk ? { hunk: cut(comment.diff_hunk) } : {}),
    ...(comment.pull_request_review_id ? { reviewId: comment.pull_request_review_id } : {}),
    ...(comment.in_reply_to_id ? { inReplyToId: comment.in_reply_to_id } : {}),
  }
}

export function feedbackFromConversationComment(
  place: FeedbackPlace,
  comment: GitHubConversationComment,
): FeedbackItem {
  const body = cut(comment.body)
  const identity = { ...place, kind: 'conversation-comment', objectId: comment.id, body } as const
  const submittedAt = comment.created_at
  return {
    version: 1,
    id: feedbackIdFor(identity),
    ...identity,
    ...authorOf(comment.user),
    submittedAt,
    ...urlOf(comment),
  }
}

/** Oldest first; of the same second, a review before its comments. */
export function inOrderOfCreation(items: readonly FeedbackItem[]): readonly FeedbackItem[] {
  const rank = { review: 0, 'inline-comment': 1, 'conversation-comment': 2 }
  return items.toSorted(
    (a, b) =>
      Date.parse(a.submittedAt) - Date.parse(b.submittedAt) || rank[a.kind] - rank[b.kind] || a.objectId - b.objectId,
  )
}

function authorOf(user: GitHubUser | null | undefined): Pick<FeedbackItem, 'author' | 'authorKind'> {
  if (!user) return { author: GHOST, authorKind: 'user' }
  const isPerson = user.type === undefined ? !user.login.endsWith('[bot]') : user.type === 'User'
  return { author: user.login, authorKind: isPerson ? 'user' : 'bot' }
}

function urlOf(object: { readonly html_url?: string | null | undefined }): { url?: string } {
  const url = object.html_url
  return url && url.length <= MAX_URL_LENGTH ? { url } : {}
}

function cut(text: string | null | undefined): string {
  return (text ?? '').slice(0, MAX_TEXT_LENGTH)
}
