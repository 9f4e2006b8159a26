import { z } from 'zod'
import { Refusal, validationFailed } from '../problem.ts'
import { fetchPull, filesOf } from '../pull-requests/pull-json.ts'
import type { LocalRepository, PullRecord } from '../repositories.ts'
import { allPages } from './all-pages.ts'
import {
  answerOf,
  askEmulator,
  jsonObjectSchema,
  normalised,
  pageOf,
  type RepositoryRequest,
  type RestAnswer,
} from './context.ts'
import {
  addInlineComments,
  type NewComment,
  placeComment,
  placeInputSchema,
  sendCommentEvents,
} from './inline-comments.ts'
import { authorOf, recordOf } from './pulls.ts'

const inputSchema = z.looseObject({
  body: z.string().nullish(),
  commit_id: z.string().nullish(),
  event: z.enum(['APPROVE', 'REQUEST_CHANGES', 'COMMENT']).optional(),
  comments: z.array(placeInputSchema.extend({ body: z.string().min(1) })).default([]),
})
type ReviewInput = z.infer<typeof inputSchema>
const reviewSchema = z.looseObject({ id: z.number(), state: z.string(), user: z.looseObject({ login: z.string() }) })

/** `POST /pulls/N/reviews`: the verdict, its text and its inline comments in one request, all or nothing. */
export async function createReview(request: RepositoryRequest, number: number): Promise<RestAnswer> {
  const { hub, repository } = request
  const record = recordOf(repository, number)
  const parsed = inputSchema.safeParse(request.body ?? {})
  if (!parsed.success)
    throw new Refusal(
      422,
      'Unprocessable Entity',
      parsed.error.issues.map((issue) => issue.message),
    )
  await refuseReview(request, number, parsed.data)
  const commitId = parsed.data.commit_id ?? record.headId
  const comments = await placeAll(repository, record, commitId, parsed.data)
  const review = await addInlineComments(request, record, {
    body: parsed.data.body ?? '',
    event: parsed.data.event,
    commitId,
    comments,
  })
  if (parsed.data.event !== undefined) await afterSubmit(request, number, review.id)
  const path = `/repos/${repository.fullName}/pulls/${number}/reviews/${review.id}`
  const raw = await hub.emulator.expect({ method: 'GET', path, token: request.identity.emulatorToken })
  return { status: 200, body: normalised(hub, raw, repository) }
}

/** `POST /pulls/N/reviews/ID/events`: a pending review becomes visible. */
export async function submitReview(request: RepositoryRequest, number: number, reviewId: number): Promise<RestAnswer> {
  recordOf(request.repository, number)
  const event = z.looseObject({ event: z.enum(['APPROVE', 'REQUEST_CHANGES', 'COMMENT']) }).safeParse(request.body)
  if (!event.success) throw validationFailed({ resource: 'PullRequestReview', field: 'event', code: 'invalid' })
  await refuseOwnVerdict(request, number, event.data.event)
  const answer = await askEmulator(request)
  if (answer.status === 200) await afterSubmit(request, number, reviewId)
  return answerOf(request, answer, request.repository)
}

/** Submitted reviews, oldest first; a pending one is shown to its author only. */
export async function listReviews(request: RepositoryRequest, number: number): Promise<RestAnswer> {
  recordOf(request.repository, number)
  const { hub, repository, identity } = request
  const raw = await allPages(hub, `/repos/${repository.fullName}/pulls/${number}/reviews`)
  const reviews = raw.map((review) => reviewSchema.parse(normalised(hub, review, repository)))
  return pageOf(
    request,
    reviews.filter((review) => review.state !== 'PENDING' || review.user.login === identity.login),
  )
}

async function refuseReview(request: RepositoryRequest, number: number, input: ReviewInput): Promise<void> {
  if (input.event !== undefined) await refuseOwnVerdict(request, number, input.event)
  const empty = (input.body ?? '').trim() === '' && input.comments.length === 0
  if (empty && (input.event === 'REQUEST_CHANGES' || input.event === 'COMMENT')) {
    throw new Refusal(422, 'Unprocessable Entity', [`Could not ${input.event.toLowerCase()}: the body is missing`])
  }
}

async function refuseOwnVerdict(request: RepositoryRequest, number: number, event: string): Promise<void> {
  if (event === 'COMMENT') return
  const author = authorOf(await fetchPull(request.hub, request.repository, number))
  if (author !== request.identity.login) return
  const words = event === 'APPROVE' ? 'approve' : 'request changes on'
  throw new Refusal(422, 'Unprocessable Entity', [`Can not ${words} your own pull request`])
}

async function placeAll(
  repository: LocalRepository,
  record: PullRecord,
  commitId: string,
  input: ReviewInput,
): Promise<readonly NewComment[]> {
  if (input.comments.length === 0) return []
  const files = await filesOf(repository, record, commitId)
  return input.comments.map((comment) => {
    const place = placeComment(files, comment)
    if (place === 'no-path') throw new Refusal(422, 'Unprocessable Entity', ['Path could not be resolved'])
    if (place === 'no-line') throw new Refusal(422, 'Unprocessable Entity', ['Line could not be resolved'])
    return { ...place, body: comment.body }
  })
}

/** A submitted review tells of its comments, and its author is no longer asked for one. */
async function afterSubmit(request: RepositoryRequest, number: number, reviewId: number): Promise<void> {
  const { hub, repository, identity } = request
  await sendCommentEvents(request, number, reviewId)
  const pull = jsonObjectSchema.parse(await fetchPull(hub, repository, number))
  const asked = z.array(z.looseObject({ login: z.string() })).parse(pull.requested_reviewers)
  if (!asked.some(({ login }) => login === identity.login)) return
  const path = `/repos/${repository.fullName}/pulls/${number}/requested_reviewers`
  await hub.emulator.expect({ method: 'DELETE', path, body: { reviewers: [identity.login] } })
}
