import { generateKeyPairSync } from 'node:crypto'
import { inspect } from 'node:util'
import { DevBotError, type InboxItem, repositoryNameSchema } from '@devbot/contracts'
import { afterEach, describe, expect, it } from 'vitest'
import { createGitHubClient, type GitHubClientOptions } from './create-github-client.ts'
import { isObject } from './delivery-payloads.ts'
import { readDelivery } from './read-delivery.ts'
import { type FakeAnswer, type FakeGitHub, type SeenRequest, startFakeGitHub } from './testing/fake-github.ts'
import {
  commentObject,
  inlineCommentObject,
  pullRequestObject,
  repositoryObject,
  reviewObject,
} from './testing/fake-objects.ts'
import { recordedDeliveries } from './testing/recorded-deliveries.ts'

const name = repositoryNameSchema.parse('octo/hello')
const token = 'ghp_0123456789abcdefghijklmnop'
const newPullRequest = { branch: 'agent/x-1', base: 'trunk', title: 'A title', body: 'text', draft: false }

let fake: FakeGitHub | undefined
afterEach(() => fake?.close())

type Answer = (request: SeenRequest, before: readonly SeenRequest[]) => FakeAnswer

/** A client of a fake GitHub that answers as given; quick retries. */
async function clientOf(answer: Answer, options: Partial<GitHubClientOptions> = {}) {
  fake = await startFakeGitHub(answer)
  return createGitHubClient({
    apiUrl: fake.url,
    auth: { kind: 'token', token: () => token },
    retryBaseMs: 5,
    timeoutMs: 500,
    ...options,
  })
}

/** Answers by `METHOD /path`, 404 for the rest. */
const table =
  (answers: Record<string, Answer>): Answer =>
  (request, before) =>
    answers[`${request.method} ${request.path}`]?.(request, before) ?? { status: 404, data: { message: 'Not Found' } }

const ok = (data: unknown): FakeAnswer => ({ status: 200, data })
const seenOf = (method: string) => (fake?.seen ?? []).filter((request) => request.method === method)

async function failureOf(promise: Promise<unknown>): Promise<DevBotError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (error instanceof DevBotError) return error
  throw new Error(`expected a DevBotError, got ${inspect(error)}`)
}

describe('errors of the GitHub client', () => {
  it.each([
    [401, {}, 'permission', 'github-unauthorized', undefined],
    [403, {}, 'permission', 'github-forbidden', undefined],
    [403, { 'retry-after': '90' }, 'transient', 'github-rate-limited', 90_000],
    [
      403,
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1800000120', date: 'Fri, 15 Jan 2027 08:00:00 GMT' },
      'transient',
      'github-rate-limited',
      121_000,
    ],
    [429, {}, 'transient', 'github-rate-limited', 60_000],
    [404, {}, 'permission', 'github-not-found', undefined],
    [409, {}, 'conflict', 'github-conflict', undefined],
    [422, {}, 'conflict', 'github-unprocessable', undefined],
    [400, {}, 'invalid-input', 'github-refused', undefined],
    [500, {}, 'transient', 'github-unavailable', undefined],
    [503, { 'retry-after': '7' }, 'transient', 'github-unavailable', 7_000],
  ])('maps %i with headers %j to %s', async (status, headers, category, code, retryAfterMs) => {
    const client = await clientOf(() => ({ status, headers, data: { message: 'Said so' } }))
    const error = await failureOf(client.repository(name))
    expect(error).toMatchObject({ category, code, retryAfterMs })
    expect(error.message).toContain('/repos/octo/hello')
    expect(error.message).toContain('Said so')
  })

  it.each([
    [401, 'github-unauthorized'],
    [403, 'github-forbidden'],
    [500, 'github-unavailable'],
  ])('is about the refusal, not about the connection that breaks after a %i', async (status, code) => {
    const client = await clientOf(() => ({ cut: status }))
    expect(await failureOf(client.repository(name))).toMatchObject({ code })
  })

  it('takes a secondary limit without headers for one, by the documentation it links', async () => {
    const documentation_url =
      'https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits'
    const client = await clientOf(() => ({ status: 403, data: { message: 'Wait', documentation_url } }))
    expect(await failureOf(client.repository(name))).toMatchObject({ category: 'transient', retryAfterMs: 60_000 })
  })

  it('calls a silent server a timeout, within the time and the retries', async () => {
    const client = await clientOf(() => 'silent', { timeoutMs: 60 })
    expect(await failureOf(client.repository(name))).toMatchObject({ category: 'transient', code: 'github-timeout' })
    expect(fake?.seen).toHaveLength(3)
  })

  it('calls a closed port unreachable', async () => {
    const client = await clientOf(() => ok(repositoryObject))
    await fake?.close()
    expect(await failureOf(client.repository(name))).toMatchObject({
      category: 'transient',
      code: 'github-unreachable',
    })
  })

  it('calls an answer that is none of GitHub’s a passing trouble', async () => {
    const client = await clientOf(() => ok({ welcome: 'to the hotel network' }))
    expect(await failureOf(client.repository(name))).toMatchObject({ code: 'github-unexpected-answer' })
  })

  it.each([
    [401, 'repository'],
    [500, 'repository'],
    [422, 'comment'],
    ['broken', 'comment'],
  ] as const)('never carries the token, nor what was posted (%s)', async (status, call) => {
    const client = await clientOf(() => (status === 'broken' ? status : { status, data: { message: 'no' } }))
    const calls = {
      repository: () => client.repository(name),
      comment: () => client.comment(name, 7, 'a private text'),
    }
    const error = await failureOf(calls[call]())
    const everything = inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error)
    expect(everything).not.toContain(token)
    expect(everything).not.toContain('a private text')
    expect(fake?.seen[0]?.headers.authorization).toBe(`token ${token}`)
  })
})

describe('retries of the GitHub client', () => {
  it.each([['broken'], ['cut'], [{ status: 502 }]] as const)('repeats a read after %j', async (first) => {
    const client = await clientOf((_request, before) => (before.length === 0 ? first : ok(repositoryObject)))
    expect(await client.repository(name)).toEqual({
      id: 42,
      name: 'octo/hello',
      defaultBranch: 'trunk',
      canPush: true,
      archived: false,
    })
  })

  it('gives up a read after three tries', async () => {
    const client = await clientOf(() => ({ status: 500 }))
    await failureOf(client.repository(name))
    expect(fake?.seen).toHaveLength(3)
  })

  it('never repeats a comment or a reply whose answer was lost', async () => {
    const client = await clientOf(() => 'broken')
    expect(await failureOf(client.comment(name, 7, 'text'))).toMatchObject({ category: 'transient' })
    expect(await failureOf(client.replyToInlineComment(name, 7, 8, 'text'))).toMatchObject({ category: 'transient' })
    expect(seenOf('POST').map((request) => request.path)).toEqual([
      '/repos/octo/hello/issues/7/comments',
      '/repos/octo/hello/pulls/7/comments/8/replies',
    ])
  })

  it('repeats labels, because a second time changes nothing', async () => {
    const client = await clientOf((_request, before) => (before.length === 0 ? 'broken' : ok([])))
    await client.addLabels(name, 7, ['devbot'])
    expect(seenOf('POST')).toHaveLength(2)
  })

  it('reads a rotated token again after a 401, once', async () => {
    const tokens = ['old', 'new', 'newer']
    const client = await clientOf(
      (request) => (request.headers.authorization === 'token new' ? ok(repositoryObject) : { status: 401 }),
      { auth: { kind: 'token', token: () => tokens.shift() ?? 'none' } },
    )
    await Promise.all([client.repository(name)])
    expect(fake?.seen.map((request) => request.headers.authorization)).toEqual(['token old', 'token new'])
    expect(tokens).toEqual(['newer'])
  })

  it('does not ask again with the same token', async () => {
    const client = await clientOf(() => ({ status: 401 }))
    await failureOf(client.repository(name))
    expect(fake?.seen).toHaveLength(1)
  })

  it('says which secret cannot be read, without a request', async () => {
    const token = () => {
      throw new Error('ENOENT')
    }
    const client = await clientOf(() => ok({}), { auth: { kind: 'token', token } })
    expect(await failureOf(client.repository(name))).toMatchObject({
      category: 'permission',
      message: expect.stringContaining('GITHUB_TOKEN_FILE'),
    })
    expect(fake?.seen).toHaveLength(0)
  })

  it('waits out a short rate limit, and leaves a long one to the caller at once', async () => {
    const warnings: string[] = []
    const limited = (seconds: number): FakeAnswer => ({
      status: 429,
      headers: { 'retry-after': String(seconds) },
      data: { message: 'You have exceeded a secondary rate limit' },
    })
    let waitSeconds = 1
    const client = await clientOf(
      (_request, before) => (before.length === 0 || waitSeconds > 10 ? limited(waitSeconds) : ok(repositoryObject)),
      { paced: true, onWarning: (warning) => warnings.push(warning) },
    )
    const startedAtMs = Date.now()
    expect(await client.repository(name)).toMatchObject({ id: 42 })
    expect(Date.now() - startedAtMs).toBeGreaterThanOrEqual(1000)
    waitSeconds = 3000
    expect(await failureOf(client.repository(name))).toMatchObject({ category: 'transient', retryAfterMs: 3_000_000 })
    expect(fake?.seen).toHaveLength(3)
    expect(warnings).toHaveLength(2)
  })
})

describe('createPullRequest', () => {
  const create = 'POST /repos/octo/hello/pulls'
  const list = 'GET /repos/octo/hello/pulls'

  it('creates it from the branch', async () => {
    const client = await clientOf(table({ [create]: () => ({ status: 201, data: pullRequestObject() }) }))
    expect(await client.createPullRequest(name, newPullRequest)).toMatchObject({ number: 7, headBranch: 'agent/x-1' })
    expect(fake?.seen[0]?.body).toEqual({
      head: 'agent/x-1',
      base: 'trunk',
      title: 'A title',
      body: 'text',
      draft: false,
    })
  })

  it.each(['broken' as const, { status: 502 }])(
    'sends one request, and says so when it was lost (%j)',
    async (lost) => {
      const client = await clientOf(table({ [create]: () => lost, [list]: () => ok([]) }))
      expect(await failureOf(client.createPullRequest(name, newPullRequest))).toMatchObject({ category: 'transient' })
      expect(seenOf('POST')).toHaveLength(1)
    },
  )

  it('is not sent, like a comment or a reply, once the task was stopped', async () => {
    const client = await clientOf(() => ({ status: 201, data: pullRequestObject() }))
    const reason = new DevBotError({ category: 'cancelled', code: 'task-may-have-ended', message: 'cancelled' })
    const stopped = AbortSignal.abort(reason)
    expect(await failureOf(client.createPullRequest(name, newPullRequest, stopped))).toBe(reason)
    expect(await failureOf(client.comment(name, 7, 'text', stopped))).toBe(reason)
    expect(await failureOf(client.replyToInlineComment(name, 7, 8, 'text', stopped))).toBe(reason)
    expect(fake?.seen).toEqual([])
  })

  it('is waited for when the task is stopped while it is under way: only the answer says what was made', async () => {
    const stop = new AbortController()
    const client = await clientOf(() => {
      stop.abort()
      return { status: 201, data: pullRequestObject() }
    })
    expect(await client.createPullRequest(name, newPullRequest, stop.signal)).toMatchObject({ number: 7 })
  })

  it('returns the existing one when GitHub says that there is one, whatever its words', async () => {
    const refusal = {
      status: 422,
      data: { message: 'Validation Failed', errors: [{ resource: 'PullRequest', code: 'custom' }] },
    }
    const client = await clientOf(
      table({ [create]: () => refusal, [list]: () => ok([pullRequestObject({ number: 9 })]) }),
    )
    expect(await client.createPullRequest(name, newPullRequest)).toMatchObject({ number: 9 })
  })

  it('says so when there are no commits between the branches, and does not ask again', async () => {
    const data = {
      message: 'Validation Failed',
      errors: [{ resource: 'PullRequest', code: 'custom', message: 'No commits between trunk and agent/x-1' }],
    }
    const client = await clientOf(table({ [create]: () => ({ status: 422, data }), [list]: () => ok([]) }))
    const failure = await failureOf(client.createPullRequest(name, newPullRequest))
    expect(failure).toMatchObject({ code: 'github-unprocessable', details: { errorCode: 'custom' } })
    expect(seenOf('POST')).toHaveLength(1)
  })

  it('does not take a closed, a foreign or another base’s pull request for it', async () => {
    const others = [
      pullRequestObject({ state: 'closed' }),
      pullRequestObject({ base: { ref: 'release', repo: { id: 42 } } }),
      pullRequestObject({ head: { ref: 'agent/x-1', sha: 'a'.repeat(40), repo: { id: 43 } } }),
      pullRequestObject({ head: { ref: 'agent/x-1', sha: 'a'.repeat(40), repo: null } }),
      pullRequestObject({ head: { ref: 'agent/x-2', sha: 'a'.repeat(40), repo: { id: 42 } } }),
    ]
    const client = await clientOf(table({ [create]: () => ({ status: 422 }), [list]: () => ok(others) }))
    expect(await failureOf(client.createPullRequest(name, newPullRequest))).toMatchObject({ category: 'conflict' })
    expect(seenOf('POST')).toHaveLength(1)
  })
})

describe('reading pull requests', () => {
  it('asks for every state of the branch of this owner', async () => {
    const client = await clientOf(
      table({
        'GET /repos/octo/hello/pulls': () =>
          ok([pullRequestObject({ state: 'closed', merged_at: '2026-01-02T03:04:05Z' })]),
      }),
    )
    expect(await client.pullRequestsOfBranch(name, 'agent/x-1')).toMatchObject([{ state: 'merged', body: '' }])
    expect(Object.fromEntries(fake?.seen[0]?.query ?? [])).toMatchObject({ head: 'octo:agent/x-1', state: 'all' })
  })

  it.each([
    ['who merged it', { state: 'closed', merged_at: '2026-01-02T03:04:05Z', merged_by: { login: 'mona' } }, 'merged'],
    ['who closed it', { state: 'closed' }, 'closed'],
  ])('says %s', async (_what, changes, state) => {
    const client = await clientOf(
      table({
        'GET /repos/octo/hello/pulls/7': () => ok(pullRequestObject(changes)),
        'GET /repos/octo/hello/issues/7': () => ok({ closed_by: { login: 'mona' } }),
      }),
    )
    expect(await client.pullRequest(name, 7)).toMatchObject({ state, endedBy: 'mona' })
  })

  it('does without who closed it when issues are out of reach', async () => {
    const client = await clientOf(
      table({ 'GET /repos/octo/hello/pulls/7': () => ok(pullRequestObject({ state: 'closed' })) }),
    )
    expect(await client.pullRequest(name, 7)).not.toHaveProperty('endedBy')
  })

  it('leaves out the author and strangers when it asks for reviews, and returns them', async () => {
    const client = await clientOf(
      table({
        'GET /repos/octo/hello/pulls/7': () => ok(pullRequestObject()),
        'POST /repos/octo/hello/pulls/7/requested_reviewers': ({ body }) =>
          JSON.stringify(body).includes('stranger') ? { status: 422 } : { status: 201, data: {} },
      }),
    )
    expect(await client.requestReviewers(name, 7, ['mona', 'DevBot', 'stranger', 'hubot'])).toEqual([
      'DevBot',
      'stranger',
    ])
    const accepted = seenOf('POST').filter((request) => !JSON.stringify(request.body).includes('stranger'))
    expect(accepted.map((request) => request.body)).toEqual([{ reviewers: ['mona'] }, { reviewers: ['hubot'] }])
  })
})

describe('listFeedback', () => {
  const base = '/repos/octo/hello'
  /** Pages of two rows, linked as GitHub links them. */
  const paged =
    (rows: readonly unknown[]): Answer =>
    ({ path, query }) => {
      const page = Number(query.get('page') ?? '1')
      const next =
        page * 2 < rows.length ? { link: `<${fake?.url}${path}?per_page=100&page=${page + 1}>; rel="next"` } : {}
      return { status: 200, headers: next, data: rows.slice((page - 1) * 2, page * 2) }
    }
  const minute = (at: number) => `2026-05-01T10:${String(at).padStart(2, '0')}:00Z`

  it('gives reviews, inline and conversation comments of all pages, oldest first', async () => {
    const inline = [8, 1, 4, 6, 2].map((at) =>
      inlineCommentObject(200 + at, minute(at), { pull_request_review_id: 103 }),
    )
    const client = await clientOf(
      table({
        [`GET ${base}`]: () => ok(repositoryObject),
        [`GET ${base}/pulls/7/reviews`]: paged([3, 5, 9].map((at) => reviewObject(100 + at, minute(at)))),
        [`GET ${base}/pulls/7/comments`]: paged(inline),
        [`GET ${base}/issues/7/comments`]: paged([commentObject(307, minute(7)), commentObject(303, minute(3))]),
      }),
    )
    const items = await client.listFeedback(name, 7)
    expect(items.map((item) => item.objectId)).toEqual([201, 202, 103, 303, 204, 105, 206, 307, 208, 109])
    expect(items[2]).toMatchObject({
      kind: 'review',
      reviewState: 'changes-requested',
      repositoryId: 42,
      pullNumber: 7,
    })
    expect(items[0]).toMatchObject({ kind: 'inline-comment', path: 'src/a.ts', line: 3, reviewId: 103 })
  })

  it('leaves out an inline comment whose review is not listed yet, so that both come together', async () => {
    const client = await clientOf(
      table({
        [`GET ${base}`]: () => ok(repositoryObject),
        [`GET ${base}/pulls/7/reviews`]: paged([]),
        [`GET ${base}/pulls/7/comments`]: paged([inlineCommentObject(201, minute(1), { pull_request_review_id: 103 })]),
        [`GET ${base}/issues/7/comments`]: paged([]),
      }),
    )
    expect(await client.listFeedback(name, 7)).toEqual([])
  })

  it('leaves out a review that is still being written', async () => {
    const pending = reviewObject(1, minute(1), { state: 'PENDING', submitted_at: undefined })
    const client = await clientOf(({ path }) =>
      path.endsWith('/reviews') ? ok([pending]) : ok(path === base ? repositoryObject : []),
    )
    expect(await client.listFeedback(name, 7)).toEqual([])
  })

  it('gives the very item that the webhook gave', async () => {
    for (const event of ['pull_request_review', 'pull_request_review_comment']) {
      for (const { payload } of recordedDeliveries(event)) {
        const delivered = readDelivery({
          event,
          payload,
          allowedRepositories: [repositoryNameSchema.parse('Codertocat/Hello-World')],
          branchPrefix: 'changes',
        })
        if (delivered.kind !== 'items') continue
        const listed = (key: string, data: unknown) =>
          ok(!isObject(data) ? [] : [{ ...data, ...upperCased(key, data) }])
        const client = await clientOf(({ path }) => {
          // A comment by itself is wrapped into a review without words.
          const { comment } = payload
          const reviewId = isObject(comment) && 'pull_request_review_id' in comment ? comment.pull_request_review_id : 0
          const wrapping = { ...reviewObject(Number(reviewId), minute(1), { state: 'COMMENTED' }), body: '' }
          if (path.endsWith('/reviews')) return isObject(comment) ? ok([wrapping]) : listed('state', payload.review)
          if (path.endsWith('/pulls/2/comments')) return listed('', payload.comment)
          return ok(path.endsWith('/issues/2/comments') ? [] : { ...repositoryObject, id: 186853002 })
        })
        const items = await client.listFeedback(name, 2)
        expect(items.filter((item) => item.kind !== 'review' || event === 'pull_request_review')).toEqual(
          delivered.items.map((item: InboxItem) => (item.kind === 'feedback' ? item.item : undefined)),
        )
        await fake?.close()
      }
    }
  })

  it('ends a list that never ends', async () => {
    const client = await clientOf(({ path }) => {
      if (path === base) return ok(repositoryObject)
      return { status: 200, headers: { link: `<${fake?.url}${path}?page=2>; rel="next"` }, data: [] }
    })
    expect(await failureOf(client.listFeedback(name, 7))).toMatchObject({ code: 'github-list-too-long' })
  })

  it('finds our own comments, inline and in the conversation', async () => {
    const mine = { user: { login: 'DevBot', type: 'User' } }
    const client = await clientOf(
      table({
        'GET /user': () => ok({ login: 'devbot' }),
        [`GET ${base}/pulls/7/comments`]: () =>
          ok([inlineCommentObject(1, minute(1), mine), inlineCommentObject(2, minute(2))]),
        [`GET ${base}/issues/7/comments`]: () => ok([commentObject(3, minute(3), mine), commentObject(4, minute(4))]),
      }),
    )
    expect(await client.listOwnComments(name, 7)).toEqual(['inline 1', 'comment 3'])
  })
})

describe('permissionOf', () => {
  const path = 'GET /repos/octo/hello/collaborators/mona/permission'

  it.each([
    [{ permission: 'write', role_name: 'maintain' }, 'maintain'],
    [{ permission: 'read', role_name: 'triage' }, 'triage'],
    [{ permission: 'write', role_name: 'our own role' }, 'write'],
    [{ permission: 'admin' }, 'admin'],
    [{ permission: 'something new', role_name: 'toString' }, 'none'],
  ])('reads %j as %s', async (data, expected) => {
    const client = await clientOf(table({ [path]: () => ok(data) }))
    expect(await client.permissionOf(name, 'mona')).toBe(expected)
  })

  it('is none for a name that GitHub does not know', async () => {
    const client = await clientOf(table({ 'GET /repos/octo/hello': () => ok(repositoryObject) }))
    expect(await client.permissionOf(name, 'mona')).toBe('none')
  })

  it('is no answer while the repository itself is out of sight', async () => {
    const client = await clientOf(table({}))
    expect(await failureOf(client.permissionOf(name, 'mona'))).toMatchObject({ category: 'permission' })
  })

  it('cannot be led astray by a login with slashes', async () => {
    const client = await clientOf(table({ 'GET /repos/octo/hello': () => ok(repositoryObject) }))
    await client.permissionOf(name, '../../x')
    expect(fake?.seen[0]?.path).toBe('/repos/octo/hello/collaborators/..%2F..%2Fx/permission')
  })
})

describe('an app’s credentials', () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const app = (key: () => string = () => pem) => ({ auth: { kind: 'app', appId: '123', privateKey: key } }) as const
  const minted = (value: string): FakeAnswer => ({
    status: 201,
    data: { token: value, expires_at: '2999-01-01T00:00:00Z', permissions: { contents: 'write' } },
  })
  const installation = { 'GET /repos/octo/hello/installation': () => ok({ id: 55 }) }
  const mint = 'POST /app/installations/55/access_tokens'

  it('are a token for exactly this repository with the least permissions', async () => {
    const client = await clientOf(table({ ...installation, [mint]: () => minted('ghs_short') }), app())
    expect(await client.gitCredentials(name)).toEqual({ username: 'x-access-token', password: 'ghs_short' })
    expect(seenOf('POST')[0]?.body).toEqual({
      repositories: ['hello'],
      permissions: { contents: 'write', pull_requests: 'write', checks: 'read', metadata: 'read' },
    })
    expect(seenOf('POST')[0]?.headers.authorization).toMatch(/^bearer ey/)
  })

  it('are minted anew for each git operation, and kept for requests', async () => {
    let count = 0
    const client = await clientOf(
      table({
        ...installation,
        [mint]: () => minted(`ghs_${++count}`),
        'GET /repos/octo/hello': () => ok({ ...repositoryObject, permissions: undefined }),
      }),
      app(),
    )
    expect(await client.repository(name)).toMatchObject({ canPush: true })
    await client.repository(name)
    expect(seenOf('GET').at(-1)?.headers.authorization).toBe('token ghs_1')
    expect((await client.gitCredentials(name)).password).toBe('ghs_2')
    expect((await client.gitCredentials(name)).password).toBe('ghs_3')
  })

  it('give the login of the app’s bot', async () => {
    const client = await clientOf(table({ 'GET /app': () => ok({ slug: 'my-devbot' }) }), app())
    expect(await client.login()).toBe('my-devbot[bot]')
  })

  it('say that the app is not installed', async () => {
    const client = await clientOf(table({}), app())
    expect(await failureOf(client.gitCredentials(name))).toMatchObject({ code: 'github-app-not-installed' })
  })

  it('say which permissions the installation lacks', async () => {
    const client = await clientOf(table({ ...installation, [mint]: () => ({ status: 422 }) }), app())
    const error = await failureOf(client.gitCredentials(name))
    expect(error).toMatchObject({ category: 'permission', code: 'github-app-lacks-permissions' })
    expect(error.message).toContain('pull requests: write')
  })

  it('say that a key is no key, without quoting it', async () => {
    const broken = '-----BEGIN PRIVATE KEY-----\nc2VjcmV0LWJ5dGVz\n-----END PRIVATE KEY-----'
    const client = await clientOf(
      table({}),
      app(() => broken),
    )
    const error = await failureOf(client.gitCredentials(name))
    expect(error).toMatchObject({ category: 'permission', code: 'github-app-key-unusable' })
    expect(inspect(error, { depth: 10 })).not.toContain('c2VjcmV0')
  })

  it('are renewed when a key was rotated', async () => {
    const { privateKey: other } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const keys = [other.export({ type: 'pkcs8', format: 'pem' }).toString(), pem]
    const client = await clientOf(
      table({ 'GET /app': (_request, before) => (before.length === 0 ? { status: 401 } : ok({ slug: 'my-devbot' })) }),
      app(() => keys.shift() ?? pem),
    )
    expect(await client.login()).toBe('my-devbot[bot]')
    expect(keys).toHaveLength(0)
  })
})

/** The REST API gives review states in upper case. */
function upperCased(key: string, data: object): Record<string, unknown> {
  const value = Object.getOwnPropertyDescriptor(data, key)?.value
  return typeof value === 'string' ? { [key]: value.toUpperCase() } : {}
}

describe('questions that GitHub answered before', () => {
  const repository = () => ok(repositoryObject)

  it('are asked with the answer’s tag, and answered from memory while nothing changed', async () => {
    let version = 'one'
    const client = await clientOf((request) => {
      if (request.headers['if-none-match'] === `"${version}"`) return { status: 304 }
      const base = { ...repositoryObject, default_branch: version }
      return { status: 200, headers: { etag: `"${version}"` }, data: base }
    })
    expect((await client.repository(name)).defaultBranch).toBe('one')
    expect((await client.repository(name)).defaultBranch).toBe('one')
    expect(fake?.seen.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"one"'])
    version = 'two'
    expect((await client.repository(name)).defaultBranch).toBe('two')
    expect((await client.repository(name)).defaultBranch).toBe('two')
    expect(fake?.seen.at(-1)?.headers['if-none-match']).toBe('"two"')
  })

  it('find all pages again, of which only one changed', async () => {
    const tag = (request: SeenRequest, body: string) => ({ etag: `"${request.query.get('page') ?? 1}-${body}"` })
    let secondPage = 'first'
    const client = await clientOf((request) => {
      if (request.path !== '/repos/octo/hello/issues/7/comments')
        return request.path === '/user' ? ok({ login: 'devbot' }) : ok([])
      const isSecond = request.query.get('page') === '2'
      const text = isSecond ? secondPage : 'hello'
      const headers = {
        ...tag(request, text),
        ...(isSecond ? {} : { link: `<${fake?.url}${request.path}?page=2>; rel="next"` }),
      }
      if (request.headers['if-none-match'] === headers.etag) return { status: 304, headers: { etag: headers.etag } }
      const mine = { body: text, user: { login: 'devbot', type: 'User' } }
      const comment = commentObject(isSecond ? 2 : 1, '2026-11-22T10:00:00Z', mine)
      return { status: 200, headers, data: [comment] }
    })
    expect(await client.listOwnComments(name, 7)).toEqual(['hello', 'first'])
    secondPage = 'edited'
    expect(await client.listOwnComments(name, 7)).toEqual(['hello', 'edited'])
  })

  it('find the row after a full page, which is itself unchanged', async () => {
    let rows = 100
    const client = await clientOf((request) => {
      if (request.path !== '/repos/octo/hello/issues/7/comments')
        return request.path === '/user' ? ok({ login: 'devbot' }) : ok([])
      const page = Number(request.query.get('page') ?? 1)
      const shown = Array.from({ length: Math.min(100, rows - (page - 1) * 100) }, (_, index) => {
        const id = (page - 1) * 100 + index + 1
        const mine = { body: `text ${id}`, user: { login: 'devbot', type: 'User' } }
        return commentObject(id, '2026-11-22T10:00:00Z', mine)
      })
      const etag = `"${page}-${shown.length}"`
      if (request.headers['if-none-match'] === etag) return { status: 304, headers: { etag } }
      const next = { link: `<${fake?.url}${request.path}?per_page=100&page=${page + 1}>; rel="next"` }
      return { status: 200, headers: { etag, ...(rows > page * 100 ? next : {}) }, data: shown }
    })
    expect(await client.listOwnComments(name, 7)).toHaveLength(100)
    rows = 101
    expect(await client.listOwnComments(name, 7)).toHaveLength(101)
    expect(await client.listOwnComments(name, 7)).toHaveLength(101)
    rows = 102
    expect((await client.listOwnComments(name, 7)).at(-1)).toBe('text 102')
  })

  it('are asked without a tag where GitHub gave none', async () => {
    const client = await clientOf(repository)
    await client.repository(name)
    await client.repository(name)
    expect(fake?.seen.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, undefined])
  })
})

describe('a rate limit', () => {
  /** As the ledger keeps it, for workers that share it. */
  function sharedWaits() {
    const known = new Map<string, { untilMs: number }>()
    return {
      known,
      until: (wait: string) => known.get(wait),
      extend: (wait: string, untilMs: number) => void known.set(wait, { untilMs }),
    }
  }

  it('that one worker met is kept by all, without a further request', async () => {
    const waits = sharedWaits()
    const first = await clientOf(() => ({ status: 403, headers: { 'retry-after': '90' } }), { waits })
    await failureOf(first.repository(name))
    expect(fake?.seen).toHaveLength(1)
    const address = fake?.url ?? ''
    const second = createGitHubClient({ apiUrl: address, auth: { kind: 'token', token: () => token }, waits })
    const error = await failureOf(second.repository(name))
    expect(error).toMatchObject({ category: 'transient', code: 'github-rate-limited' })
    expect(error.retryAfterMs).toBeGreaterThan(80_000)
    expect(fake?.seen).toHaveLength(1)
  })

  it('that is nearly used up is left to others until its hour is over', async () => {
    const waits = sharedWaits()
    const reset = Math.floor(Date.now() / 1000) + 600
    const headers = (remaining: number) => ({
      'x-ratelimit-limit': '5000',
      'x-ratelimit-remaining': String(remaining),
      'x-ratelimit-reset': String(reset),
    })
    const client = await clientOf(
      (_request, before) => ({ status: 200, headers: headers(51 - before.length), data: repositoryObject }),
      { waits },
    )
    await client.repository(name)
    await client.repository(name)
    await client.repository(name)
    expect(await failureOf(client.repository(name))).toMatchObject({ code: 'github-rate-limited' })
    expect(fake?.seen).toHaveLength(3)
    expect(waits.known.get('github:core')?.untilMs).toBeGreaterThan(Date.now() + 590_000)
  })

  it('is over when its time is', async () => {
    const waits = sharedWaits()
    waits.extend('github:core', Date.now() + 100)
    const client = await clientOf(() => ok(repositoryObject), { waits })
    await failureOf(client.repository(name))
    await new Promise((resolve) => setTimeout(resolve, 120))
    expect(await client.repository(name)).toMatchObject({ canPush: expect.any(Boolean) })
  })
})
