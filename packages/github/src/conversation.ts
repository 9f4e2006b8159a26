import type { RepositoryName } from '@devbot/contracts'
import type { GitHubClient } from './client.ts'
import {
  feedbackFromConversationComment,
  feedbackFromInlineComment,
  feedbackFromReview,
  inOrderOfCreation,
} from './feedback-item.ts'
import { conversationCommentSchema, inlineCommentSchema, repositorySchema, reviewSchema } from './github-objects.ts'
import type { Identity } from './identity.ts'
import { listAll, PAGE_SIZE } from './list-all.ts'
import { unless } from './octokit-for.ts'
import { ownerAndRepo } from './owner-and-repo.ts'
import { parseAnswer } from './parse-answer.ts'

type ConversationCalls = Pick<GitHubClient, 'listFeedback' | 'listOwnComments' | 'replyToInlineComment' | 'comment'>

/** Reading what was said on a pull request, and answering. */
export function createConversationCalls(identity: Identity): ConversationCalls {
  function listReviews(name: RepositoryName, number: number) {
    const { paginate, rest } = identity.octokit(name)
    const where = { ...ownerAndRepo(name), pull_number: number, per_page: PAGE_SIZE }
    return listAll(paginate.iterator(rest.pulls.listReviews, where), reviewSchema, 'reviews')
  }

  function listInlineComments(name: RepositoryName, number: number) {
    const { paginate, rest } = identity.octokit(name)
    const where = { ...ownerAndRepo(name), pull_number: number, per_page: PAGE_SIZE }
    return listAll(paginate.iterator(rest.pulls.listReviewComments, where), inlineCommentSchema, 'review comments')
  }

  function listConversation(name: RepositoryName, number: number) {
    const { paginate, rest } = identity.octokit(name)
    const where = { ...ownerAndRepo(name), issue_number: number, per_page: PAGE_SIZE }
    return listAll(paginate.iterator(rest.issues.listComments, where), conversationCommentSchema, 'comments')
  }

  async function repositoryId(name: RepositoryName): Promise<number> {
    const { data } = await identity.octokit(name).rest.repos.get(ownerAndRepo(name))
    return parseAnswer(repositorySchema, data, 'a repository').id
  }

  return {
    async listFeedback(name, number) {
      // In this order: a review that is submitted meanwhile must not come without its comments.
      const [id, reviews] = await Promise.all([repositoryId(name), listReviews(name, number)])
      const [inlineComments, conversation] = await Promise.all([
        listInlineComments(name, number),
        listConversation(name, number),
      ])
      const known = new Set(reviews.map((review) => review.id))
      const place = { repositoryId: id, pullNumber: number }
      return inOrderOfCreation([
        ...reviews.map((review) => feedbackFromReview(place, review)).filter((item) => item !== undefined),
        // One whose review is not listed yet comes with it the next time.
        ...inlineComments
          .filter(({ pull_request_review_id: reviewId }) => typeof reviewId !== 'number' || known.has(reviewId))
          .map((comment) => feedbackFromInlineComment(place, comment)),
        ...conversation.map((comment) => feedbackFromConversationComment(place, comment)),
      ])
    },
    async listOwnComments(name, number) {
      const [own, inlineComments, conversation] = await Promise.all([
        identity.login(),
        listInlineComments(name, number),
        listConversation(name, number),
      ])
      return [...inlineComments, ...conversation]
        .filter((comment) => comment.user?.login.toLowerCase() === own.toLowerCase())
        .map((comment) => comment.body ?? '')
    },
    async replyToInlineComment(name, number, commentId, body, signal) {
      const { rest } = identity.octokit(name)
      const where = { ...ownerAndRepo(name), pull_number: number, comment_id: commentId }
      await rest.pulls.createReplyForReviewComment({ ...where, body, ...unless(signal) })
    },
    async comment(name, number, body, signal) {
      const { rest } = identity.octokit(name)
      await rest.issues.createComment({ ...ownerAndRepo(name), issue_number: number, body, ...unless(signal) })
    },
  }
}
