import { z } from 'zod'
import { resolveCommit } from '../git/bare-repository.ts'
import { type ChangedFile, isAncestor } from '../git/change-facts.ts'
import { lineAtPosition, locateLine, type Side } from '../git/locate-line.ts'
import { roleAtLeast } from '../options.ts'
import { forbidden, notFound, Refusal, validationFailed } from '../problem.ts'
import { completeComment } from '../pull-requests/comment-json.ts'
import { fetchPull, filesOf, repositoryJson, userJson } from '../pull-requests/pull-json.ts'
import type { CommentRecord, PullRecord } from '../repositories.ts'
import { allPages } from './all-pages.ts'
import { answerOf, askEmulator, pageOf, type RepositoryRequest, type RestAnswer } from './context.ts'
import { authorOf, recordOf } from './pulls.ts'

const sideSchema = z.enum(['LEFT', 'RIGHT'])
/** Where a comment is to stand: GitHub's `line` and `side`, its older `position`, or a whole file. */
export const placeInputSchema = z.looseObject({
  path: z.string().min(1),
  line: z.int().positive().nullish(),
  side: sideSchema.nullish(),
  start_line: z.int().positive().nullish(),
  position: z.int().positive().nullish(),
  subject_type: z.enum(['line', 'file']).nullish(),
})
const commentInputSchema = placeInputSchema.extend({ body: z.string().min(1), commit_id: z.string() })
const idSchema = z.looseObject({ id: z.number() })

type Place = Omit<CommentRecord, 'id' | 'pullNumber' | 'reviewId' | 'originalCommitId'>
export type NewComment = Place & { readonly body: string }

/** The place of a comment in a diff, with its real hunk, or why there is none. */
export function placeComment(
  files: readonly ChangedFile[],
  input: z.infer<typeof placeInputSchema>,
): Place | 'no-path' | 'no-line' {
  const file = files.find((candidate) => candidate.path === input.path)
  if (file === undefined) return 'no-path'
  if (input.subject_type === 'file') return { path: input.path, hunk: '', side: 'RIGHT', subjectType: 'file' }
  const wanted = wantedLine(file.patch ?? '', input)
  const located = wanted === undefined ? undefined : locateLine(file.patch ?? '', wanted.line, wanted.side)
  if (wanted === undefined || located === undefined) return 'no-line'
  return {
    path: input.path,
    hunk: located.hunk,
    side: wanted.side,
    subjectType: 'line',
    originalLine: wanted.line,
    originalPosition: located.position,
    ...(typeof input.start_line === 'number' ? { originalStartLine: input.start_line } : {}),
  }
}

function wantedLine(patch: string, input: z.infer<typeof placeInputSchema>): { line: number; side: Side } | undefined {
  if (typeof input.line === 'number') return { line: input.line, side: input.side ?? 'RIGHT' }
  return typeof input.position === 'number' ? lineAtPosition(patch, input.position) : undefined
}

/**
 * Makes a review with comments in the emulator, which knows no lines: they get a position there, and what they are
 * really about is kept here.
 */
export async function addInlineComments(
  request: RepositoryRequest,
  pull: PullRecord,
  review: {
    readonly body: string
    readonly event: string | undefined
    readonly commitId: string
    readonly comments: readonly NewComment[]
  },
): Promise<{ readonly id: number; readonly commentIds: readonly number[] }> {
  const { hub, repository } = request
  const path = `/repos/${repository.fullName}/pulls/${pull.number}/reviews`
  const answer = await hub.emulator.expect({
    method: 'POST',
    path,
    token: request.identity.emulatorToken,
    body: {
      body: review.body,
      commit_id: review.commitId,
      ...(review.event === undefined ? {} : { event: review.event }),
      comments: review.comments.map(({ path: file, body }) => ({ path: file, body, position: 1 })),
    },
  })
  const { id } = idSchema.parse(answer)
  if (review.comments.length === 0) return { id, commentIds: [] }
  const made = (await allPages(hub, `${path}/${id}/comments`)).map((comment) => idSchema.parse(comment).id)
  for (const [index, commentId] of made.entries()) {
    const comment = review.comments[index]
    if (comment === undefined) break
    const { body: _kept, ...place } = comment
    const record = { ...place, id: commentId, pullNumber: pull.number, reviewId: id, originalCommitId: review.commitId }
    repository.comments.set(commentId, record)
  }
  return { id, commentIds: made }
}

/** `POST /pulls/N/comments`: one inline comment, which on GitHub is a review of its own. */
export async function createComment(request: RepositoryRequest, number: number): Promise<RestAnswer> {
  const { repository } = request
  const replyTo = request.body?.in_reply_to
  if (typeof replyTo === 'number') return replyToComment(request, number, replyTo)
  const record = recordOf(repository, number)
  const input = commentInputSchema.safeParse(request.body)
  if (!input.success) {
    throw validationFailed(...input.error.issues.map((issue) => commentProblem('missing_field', String(issue.path[0]))))
  }
  const commitId = await commitOfPull(request, record, input.data.commit_id)
  const place = placeComment(await filesOf(repository, record, commitId), input.data)
  if (place === 'no-path') throw validationFailed(commentProblem('invalid', 'pull_request_review_thread.path'))
  if (place === 'no-line') {
    const field = 'pull_request_review_thread.line'
    throw validationFailed({ ...commentProblem('custom', field), message: `${field} must be part of the diff` })
  }
  return addSingleComment(request, record, commitId, { ...place, body: input.data.body })
}

/** `POST /pulls/N/comments/ID/replies`. Replies stand in the thread of its first comment. */
export async function replyToComment(request: RepositoryRequest, number: number, id: number): Promise<RestAnswer> {
  const record = recordOf(request.repository, number)
  const parent = request.repository.comments.get(id)
  if (parent === undefined || parent.pullNumber !== number) throw notFound()
  if (parent.inReplyToId !== undefined) {
    throw validationFailed({
      ...commentProblem('custom', 'in_reply_to'),
      message: 'replies to replies are not supported',
    })
  }
  const body = request.body?.body
  if (typeof body !== 'string' || body.trim() === '') throw validationFailed(commentProblem('missing_field', 'body'))
  const { id: _id, pullNumber: _pull, reviewId: _review, originalCommitId, ...place } = parent
  return addSingleComment(request, record, originalCommitId, { ...place, body, inReplyToId: id })
}

async function addSingleComment(
  request: RepositoryRequest,
  pull: PullRecord,
  commitId: string,
  comment: NewComment,
): Promise<RestAnswer> {
  const review = await addInlineComments(request, pull, { body: '', event: 'COMMENT', commitId, comments: [comment] })
  const [made] = await sendCommentEvents(request, pull.number, review.id)
  return { status: 201, body: made }
}

/** Sends the events of a submitted review's comments; returns the comments, complete. */
export async function sendCommentEvents(
  request: RepositoryRequest,
  number: number,
  reviewId: number,
): Promise<readonly unknown[]> {
  const { hub, repository } = request
  const path = `/repos/${repository.fullName}/pulls/${number}/reviews/${reviewId}/comments`
  const comments = await Promise.all((await allPages(hub, path)).map((raw) => completeComment(hub, repository, raw)))
  if (comments.length === 0) return []
  const shared = {
    action: 'created',
    pull_request: await fetchPull(hub, repository, number),
    repository: await repositoryJson(hub, repository),
    sender: await userJson(hub, request.identity.login),
  }
  for (const comment of comments) hub.deliveries.send('pull_request_review_comment', { ...shared, comment })
  return comments
}

/** Comments of submitted reviews, oldest first: of one pull request, of one review, or of all. */
export async function listComments(request: RepositoryRequest, number?: number): Promise<RestAnswer> {
  const { hub, repository } = request
  if (number !== undefined) recordOf(repository, number)
  const raw = await allPages(hub, request.path)
  const comments = await Promise.all(raw.map((comment) => completeComment(hub, repository, comment)))
  const pending = await pendingReviews(request, comments)
  const since = Date.parse(request.query.get('since') ?? '1970-01-01')
  const shown = comments
    .filter((comment) => !pending.has(Number(comment.pull_request_review_id)))
    .filter((comment) => Date.parse(String(comment.updated_at)) >= since)
  return pageOf(request, request.query.get('direction') === 'desc' ? shown.reverse() : shown)
}

/** Ids of reviews that somebody else has not submitted yet. */
async function pendingReviews(request: RepositoryRequest, comments: readonly object[]): Promise<ReadonlySet<number>> {
  const { hub, repository, identity } = request
  const numbers = new Set<number>()
  for (const comment of comments) {
    const record = 'id' in comment ? repository.comments.get(Number(comment.id)) : undefined
    if (record !== undefined) numbers.add(record.pullNumber)
  }
  const pending = new Set<number>()
  for (const number of numbers) {
    for (const raw of await allPages(hub, `/repos/${repository.fullName}/pulls/${number}/reviews`)) {
      const review = z.looseObject({ id: z.number(), state: z.string() }).parse(raw)
      if (review.state === 'PENDING' && authorOf(raw) !== identity.login) pending.add(review.id)
    }
  }
  return pending
}

/** `GET`, `PATCH` and `DELETE` of one inline comment. */
export async function singleComment(request: RepositoryRequest, id: number): Promise<RestAnswer> {
  const { hub, repository } = request
  if (request.method !== 'GET') {
    const path = `/repos/${repository.fullName}/pulls/comments/${id}`
    const current = await hub.emulator.call({ method: 'GET', path })
    if (current.status === 404) throw notFound()
    if (authorOf(current.body) !== request.identity.login && !roleAtLeast(request.role, 'write')) throw forbidden()
  }
  const answer = await askEmulator(request)
  const ours = answerOf(request, answer, repository)
  if (answer.status !== 200) return ours
  return { ...ours, body: await completeComment(hub, repository, answer.body) }
}

async function commitOfPull(request: RepositoryRequest, record: PullRecord, wanted: string): Promise<string> {
  const { directory } = request.repository
  const id = /^[0-9a-f]{40}$/.test(wanted) ? await resolveCommit(directory, wanted) : undefined
  if (id !== undefined && (await isAncestor(directory, id, record.headId))) return id
  throw new Refusal(422, 'Validation Failed', [commentProblem('invalid', 'commit_id')])
}

function commentProblem(code: string, field: string) {
  return { resource: 'PullRequestReviewComment', code, field }
}
