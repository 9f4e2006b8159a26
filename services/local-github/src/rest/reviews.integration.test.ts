import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lines, REPO, startTestGitHub, type TestGitHub, until } from '../testing/start-test-github.ts'

let hub: TestGitHub
let directory: string
let pull: { readonly owner: string; readonly repo: string; readonly pull_number: number }
let head: string
beforeAll(async () => {
  hub = await startTestGitHub()
  directory = await hub.clone()
  await hub.git(directory, 'checkout', '--quiet', '-b', 'work')
  head = await push(lines(1, 20).replace('10\n', 'ten\n'))
  const opened = await hub.octokit('devbot').pulls.create({ ...REPO, title: 'Work', head: 'work', base: 'trunk' })
  pull = { ...REPO, pull_number: opened.data.number }
})
afterAll(() => hub.stop())

async function push(content: string): Promise<string> {
  await writeFile(join(directory, 'src/lines.txt'), content)
  await hub.git(directory, 'commit', '--quiet', '-am', 'Change lines')
  await hub.git(directory, 'push', '--quiet', 'origin', 'work')
  return hub.git(directory, 'rev-parse', 'HEAD')
}

const alice = () => hub.octokit('alice')
const devbot = () => hub.octokit('devbot')
const eventOf = (event: string, id: unknown, part: 'review' | 'comment') =>
  until(`a ${event} event`, () =>
    hub.events.find(({ event: name, payload }) => {
      const object = payload[part]
      return name === event && typeof object === 'object' && object !== null && 'id' in object && object.id === id
    }),
  )

describe('reviews', () => {
  test('takes verdict, text and inline comments in one request and lists them with line and real hunk', async () => {
    await devbot().pulls.requestReviewers({ ...pull, reviewers: ['alice'] })
    const review = await alice().pulls.createReview({
      ...pull,
      event: 'REQUEST_CHANGES',
      body: 'Not yet',
      comments: [
        { path: 'src/lines.txt', line: 10, side: 'RIGHT', body: 'Use the digit' },
        { path: 'src/lines.txt', line: 10, side: 'LEFT', body: 'This was better' },
      ],
    })
    expect(review.data).toMatchObject({ state: 'CHANGES_REQUESTED', body: 'Not yet', commit_id: head })
    const comments = (await devbot().pulls.listReviewComments(pull)).data
    expect(comments).toMatchObject([
      {
        body: 'Use the digit',
        path: 'src/lines.txt',
        line: 10,
        original_line: 10,
        side: 'RIGHT',
        commit_id: head,
        pull_request_review_id: review.data.id,
        user: { login: 'alice', type: 'User' },
        diff_hunk: '@@ -7,7 +7,7 @@\n 7\n 8\n 9\n-10\n+ten',
      },
      { body: 'This was better', line: 10, side: 'LEFT', diff_hunk: '@@ -7,7 +7,7 @@\n 7\n 8\n 9\n-10' },
    ])
    expect(comments[0]).not.toHaveProperty('in_reply_to_id')
    const event = await eventOf('pull_request_review', review.data.id, 'review')
    expect(event).toMatchObject({
      signed: true,
      payload: {
        action: 'submitted',
        review: { state: 'changes_requested', body: 'Not yet', user: { login: 'alice', type: 'User' } },
        pull_request: { number: pull.pull_number, head: { ref: 'work', sha: head } },
        repository: { full_name: 'alice/demo', id: expect.any(Number) },
        sender: { login: 'alice', type: 'User' },
      },
    })
    const inline = await eventOf('pull_request_review_comment', comments[0]?.id, 'comment')
    expect(inline.payload).toMatchObject({
      action: 'created',
      comment: { line: 10, path: 'src/lines.txt', pull_request_review_id: review.data.id },
    })
    expect((await devbot().pulls.get(pull)).data.requested_reviewers).toEqual([])
  })

  test('refuses a comment on a line outside the diff, and makes nothing of that review', async () => {
    const before = (await devbot().pulls.listReviews(pull)).data.length
    const bad = { path: 'src/lines.txt', line: 1, side: 'RIGHT' as const, body: 'Here?' }
    await expect(alice().pulls.createReview({ ...pull, event: 'COMMENT', comments: [bad] })).rejects.toMatchObject({
      status: 422,
      response: { data: { errors: ['Line could not be resolved'] } },
    })
    await expect(alice().pulls.createReviewComment({ ...pull, ...bad, commit_id: head })).rejects.toMatchObject({
      status: 422,
    })
    await expect(
      alice().pulls.createReviewComment({ ...pull, ...bad, path: 'README.md', commit_id: head }),
    ).rejects.toMatchObject({ status: 422 })
    expect((await devbot().pulls.listReviews(pull)).data).toHaveLength(before)
  })

  test('takes a single comment as a review of its own, and a reply in its thread', async () => {
    const comment = { path: 'src/lines.txt', line: 11, side: 'RIGHT' as const, body: 'And here', commit_id: head }
    const made = await alice().pulls.createReviewComment({ ...pull, ...comment })
    expect(made.data).toMatchObject({ line: 11, user: { login: 'alice' } })
    const reply = await devbot().pulls.createReplyForReviewComment({
      ...pull,
      comment_id: made.data.id,
      body: 'Done in the next commit',
    })
    expect(reply.data).toMatchObject({ in_reply_to_id: made.data.id, line: 11, path: 'src/lines.txt' })
    expect(reply.data.pull_request_review_id).not.toBe(made.data.pull_request_review_id)
    const event = await eventOf('pull_request_review_comment', reply.data.id, 'comment')
    expect(event.payload).toMatchObject({ comment: { in_reply_to_id: made.data.id }, sender: { login: 'devbot' } })
    const reviews = (await devbot().pulls.listReviews(pull)).data
    expect(reviews.find((review) => review.id === made.data.pull_request_review_id)?.state).toBe('COMMENTED')
    await expect(
      devbot().pulls.createReplyForReviewComment({ ...pull, comment_id: 999, body: 'x' }),
    ).rejects.toMatchObject({ status: 404 })
  })

  test('refuses an own approval and a bare request for changes', async () => {
    await expect(devbot().pulls.createReview({ ...pull, event: 'APPROVE' })).rejects.toMatchObject({ status: 422 })
    await expect(alice().pulls.createReview({ ...pull, event: 'REQUEST_CHANGES' })).rejects.toMatchObject({
      status: 422,
    })
  })

  test('shows a pending review to nobody else until it is submitted', async () => {
    const pending = await alice().pulls.createReview({
      ...pull,
      comments: [{ path: 'src/lines.txt', line: 9, side: 'RIGHT', body: 'Hidden yet' }],
    })
    const bodies = async () => (await devbot().pulls.listReviewComments(pull)).data.map((comment) => comment.body)
    expect(await bodies()).not.toContain('Hidden yet')
    expect((await devbot().pulls.listReviews(pull)).data.map(({ id }) => id)).not.toContain(pending.data.id)
    await alice().pulls.submitReview({ ...pull, review_id: pending.data.id, event: 'COMMENT', body: 'Now' })
    expect(await bodies()).toContain('Hidden yet')
  })

  test('moves a comment with its line, and calls it outdated when the line changes', async () => {
    const [first] = (await devbot().pulls.listReviewComments(pull)).data
    const current = async () => (await devbot().pulls.getReviewComment({ ...REPO, comment_id: first?.id ?? 0 })).data
    const moved = await push(`zero\n${lines(1, 20).replace('10\n', 'ten\n')}`)
    expect(await current()).toMatchObject({ line: 11, original_line: 10, commit_id: moved, original_commit_id: head })
    await push(`zero\n${lines(1, 20)}`)
    expect(await current()).toMatchObject({ line: null, position: null, original_line: 10 })
  })

  test('pages through comments and reviews with Link headers', async () => {
    const first = await devbot().pulls.listReviewComments({ ...pull, per_page: 2 })
    expect(first.data).toHaveLength(2)
    expect(first.headers.link).toMatch(/rel="next".*rel="last"/)
    const all = await devbot().paginate(devbot().pulls.listReviewComments, { ...pull, per_page: 2 })
    expect(new Set(all.map((comment) => comment.id)).size).toBe(5)
    const reviews = await devbot().paginate(devbot().pulls.listReviews, { ...pull, per_page: 1 })
    expect(new Set(reviews.map((review) => review.id)).size).toBe(4)
  })

  test('tells a conversation comment with its pull request', async () => {
    const made = await hub.octokit('reader').issues.createComment({
      ...REPO,
      issue_number: pull.pull_number,
      body: '/devbot status',
    })
    const event = await eventOf('issue_comment', made.data.id, 'comment')
    expect(event.payload).toMatchObject({
      action: 'created',
      comment: { body: '/devbot status', user: { login: 'reader', type: 'User' } },
      issue: { number: pull.pull_number, pull_request: { html_url: `${hub.github.url}/alice/demo/pull/1` } },
      repository: { full_name: 'alice/demo' },
    })
    const listed = await devbot().issues.listComments({ ...REPO, issue_number: pull.pull_number })
    expect(listed.data.map((comment) => comment.body)).toEqual(['/devbot status'])
  })
})
