import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { createLogger, Secret } from '@devbot/config'
import { type InboxItem, planHashFor, repositoryNameSchema } from '@devbot/contracts'
import { connectLedger, createTaskQueue, type Ledger, startTaskWorker, type TaskQueue } from '@devbot/queue'
import { type StartedRedis, startRedis } from '@devbot/queue/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type AppOptions, createApp } from './app.ts'
import { type IngressServer, listen } from './ingress-server.ts'
import { recordedPayload, type SignedDelivery, signatureOf, signedDelivery } from './testing/signed-delivery.ts'

const repository = repositoryNameSchema.parse('Codertocat/Hello-World')
const branch = 'agent/changes-1'
const secret = 'a webhook secret of good length'
const oldSecret = 'the webhook secret before rotation'

let redis: StartedRedis
let ledger: Ledger
let queue: TaskQueue
let server: IngressServer
let lines: string[]
let instanceNumber = 0
const redisOptions = () => ({ redisUrl: redis.url, instance: `ingress-${instanceNumber}` })

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())

beforeEach(async () => {
  instanceNumber += 1
  ledger = await connectLedger(redisOptions())
  queue = createTaskQueue(redisOptions())
  lines = []
  server = await listen(createApp(appOptions()), 0)
})
afterEach(async () => {
  await server.close()
  await queue.close()
  await ledger.close()
})

function appOptions(changes: Partial<AppOptions> = {}): AppOptions {
  const destination = { write: (line: string) => void lines.push(line) }
  return {
    ledger,
    queue,
    secrets: () => [secret, oldSecret],
    allowedRepositories: [repository],
    branchPrefix: 'agent/',
    settleMs: 0,
    log: createLogger({ service: 'ingress', level: 'trace', secrets: [Secret.of(secret)], destination }),
    ...changes,
  }
}

async function restartWith(changes: Partial<AppOptions>): Promise<void> {
  await server.close()
  server = await listen(createApp(appOptions(changes)), 0)
}

const review = () =>
  signedDelivery('pull_request_review', recordedPayload('pull_request_review', 'submitted', branch), secret)

async function send({ body, headers }: SignedDelivery, changes: Record<string, string | undefined> = {}) {
  const entries = Object.entries({ ...headers, ...changes }).filter((entry) => entry[1] !== undefined)
  const response = await fetch(`http://127.0.0.1:${server.port}/webhook`, {
    method: 'POST',
    body: new Uint8Array(body),
    headers: entries as [string, string][],
  })
  const answered = (await response.json()) as { readonly status: string; readonly reason?: string }
  return { status: response.status, body: answered, headers: response.headers }
}

/** The task of the deliveries' branch, made now, and what was stored for it. */
async function inboxOfBranch(): Promise<readonly InboxItem[]> {
  const created = await acceptPlan()
  return (await ledger.snapshot(created.id))?.inbox ?? []
}

async function acceptPlan() {
  const planText = '# A plan'
  const created = await ledger.createTask({
    repository,
    planPath: 'plan.md',
    planHash: planHashFor(planText),
    planText,
    title: 'A plan',
    priority: 'medium',
    branch,
    branchPrefix: 'agent/',
  })
  if (created.kind === 'branch-taken') throw new Error('the branch is taken')
  return created.task
}

describe('POST /webhook', () => {
  it('answers queued, then duplicate, and stores the review once, before any task is known', async () => {
    expect(await send(review())).toMatchObject({ status: 202, body: { status: 'queued' } })
    expect(await send(review())).toMatchObject({ status: 202, body: { status: 'duplicate' } })
    expect(await inboxOfBranch()).toMatchObject([{ kind: 'feedback', item: { kind: 'review', author: 'Codertocat' } }])
  })

  it('puts the review into the inbox of the task that has the branch, and wakes it', async () => {
    const task = await acceptPlan()
    const woken: string[] = []
    expect(await send(review())).toMatchObject({ status: 202, body: { status: 'queued' } })
    const jobs = startTaskWorker({
      ...redisOptions(),
      concurrency: 1,
      handle: async ({ taskId }) => void woken.push(taskId),
      onError: (error) => lines.push(String(error)),
    })
    await expect.poll(() => woken, { timeout: 5_000 }).toEqual([task.id])
    await jobs.close()
    expect(await inboxOfBranch()).toHaveLength(1)
  })

  it('makes one inbox item of a hundred concurrent copies', async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => send(review())))
    const statuses = answers.map((answer) => answer.body.status)
    expect(statuses.filter((status) => status === 'queued')).toHaveLength(1)
    expect(statuses.filter((status) => status === 'duplicate')).toHaveLength(99)
    expect(await inboxOfBranch()).toHaveLength(1)
  })

  it('stores each part of a review, an edit, a close and a merge as items of their own', async () => {
    const parts = [
      ['pull_request_review', 'submitted'],
      ['pull_request_review_comment', 'created'],
      ['pull_request', 'closed'],
      ['pull_request', 'reopened'],
    ] as const
    for (const [event, action] of parts) {
      const delivery = signedDelivery(event, recordedPayload(event, action, branch), secret)
      expect(await send(delivery)).toMatchObject({ status: 202, body: { status: 'queued' } })
    }
    const kinds = (await inboxOfBranch()).map((item) => (item.kind === 'feedback' ? item.item.kind : item.kind))
    expect(kinds.sort()).toEqual(['inline-comment', 'pull-request', 'pull-request', 'review'])
  })

  it('accepts the old secret during rotation', async () => {
    const { body } = review()
    expect(await send(review(), { 'x-hub-signature-256': signatureOf(body, oldSecret) })).toMatchObject({ status: 202 })
  })

  it.each([
    ['wrong', signatureOf(Buffer.from('x'), secret)],
    ['missing', undefined],
    ['malformed', 'sha256=zz'],
    ['sent twice', `${review().headers['x-hub-signature-256']}, ${review().headers['x-hub-signature-256']}`],
    ['of the old algorithm', 'sha1=7d38cdd689735b008b3c702edd92eea23791c5f6'],
  ])('answers 401 and stores nothing when the signature is %s', async (_what, signature) => {
    expect(await send(review(), { 'x-hub-signature-256': signature })).toMatchObject({
      status: 401,
      body: { status: 'refused', reason: 'signature' },
    })
    expect(await inboxOfBranch()).toEqual([])
  })

  it('answers 401 and stores nothing when one byte of the body is altered', async () => {
    const { body, headers } = review()
    const altered = Buffer.from(body)
    altered[altered.indexOf('commented')] = 'C'.charCodeAt(0)
    expect(await send({ body: altered, headers })).toMatchObject({ status: 401 })
    expect(await inboxOfBranch()).toEqual([])
  })

  it('is not changed by another delivery id, event header or letter case of the event', async () => {
    expect(await send(review())).toMatchObject({ body: { status: 'queued' } })
    expect(await send(review(), { 'x-github-delivery': 'another' })).toMatchObject({ body: { status: 'duplicate' } })
    for (const event of ['pull_request', 'issue_comment', 'push', 'PULL_REQUEST_REVIEW', undefined]) {
      expect(await send(review(), { 'x-github-event': event })).toMatchObject({ status: 400 })
    }
    expect(await inboxOfBranch()).toHaveLength(1)
  })

  it.each([
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['text', { 'content-type': 'text/plain' }],
    ['nothing named', { 'content-type': undefined }],
    ['compressed', { 'content-encoding': 'gzip' }],
  ])('answers 415 to %s', async (_what, changes) => {
    expect(await send(review(), changes)).toMatchObject({ status: 415, body: { status: 'refused' } })
  })

  it('accepts a charset beside the content type', async () => {
    expect(await send(review(), { 'content-type': 'application/json; charset=utf-8' })).toMatchObject({ status: 202 })
  })

  it.each([
    ['no JSON', Buffer.from('{"a":')],
    ['nothing', Buffer.alloc(0)],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['no object', Buffer.from('[1]')],
    ['an object without the fields', Buffer.from('{"action":"submitted"}')],
  ])('answers 400 to a signed body that is %s', async (_what, body) => {
    const headers = { ...review().headers, 'x-hub-signature-256': signatureOf(body, secret) }
    expect(await send({ body, headers })).toMatchObject({ status: 400, body: { status: 'refused' } })
  })

  it.each([
    ['another repository', 'pull_request_review', { repository: { id: 1, full_name: 'else/where' } }],
    ['an unused event', 'ping', {}],
  ])('answers ignored, with the reason, to %s', async (_what, event, changes) => {
    const payload =
      event === 'ping'
        ? { zen: 'Keep it logically awesome.', hook_id: 1 }
        : { ...recordedPayload(event, 'submitted', branch), ...changes }
    expect(await send(signedDelivery(event, payload, secret))).toMatchObject({
      status: 202,
      body: { status: 'ignored', reason: expect.any(String) },
    })
    expect(await inboxOfBranch()).toEqual([])
  })

  it('accepts a body of 25 MB', async () => {
    const payload = { ...recordedPayload('pull_request_review', 'submitted', branch), padding: 'x'.repeat(25_000_000) }
    expect(await send(signedDelivery('pull_request_review', payload, secret))).toMatchObject({ status: 202 })
  })

  it('answers 413 to a body that says it is too large, before it is sent', async () => {
    const { response, end } = openRequest({ 'content-length': '100000000' }, 'x'.repeat(10))
    expect((await response).statusCode).toBe(413)
    end()
  })

  it('answers 413 to a body that grows too large without saying so, and cuts the connection', async () => {
    await restartWith({ maxBodyBytes: 100_000 })
    const { request, response } = openRequest({ 'transfer-encoding': 'chunked' }, 'x'.repeat(60_000))
    const cut = once(request, 'close')
    request.write('x'.repeat(60_000))
    expect((await response).statusCode).toBe(413)
    const more = setInterval(() => request.destroyed || request.write('x'.repeat(10_000)), 50)
    await cut
    clearInterval(more)
  })

  it('answers 408 to a body that comes too slowly', async () => {
    await restartWith({ bodyTimeoutMs: 150 })
    const { request, response } = openRequest({ 'transfer-encoding': 'chunked' }, '{')
    const drip = setInterval(() => request.destroyed || request.write(' '), 40)
    expect((await response).statusCode).toBe(408)
    clearInterval(drip)
    request.destroy()
  })

  it('refuses more large bodies at once than it has memory for, and takes them again afterwards', async () => {
    await restartWith({ maxBodyBytes: 100_000 })
    const open = Array.from({ length: 6 }, () => openRequest({ 'transfer-encoding': 'chunked' }, 'x'.repeat(90_000)))
    const first = await Promise.race(open.map(({ response }) => response))
    expect(first.statusCode).toBe(503)
    expect(first.headers['retry-after']).toBe('5')
    for (const { request } of open) request.destroy()
    const large = unsigned(90_000)
    await expect.poll(async () => (await send(large)).status).toBe(401)
  })

  it('gives the memory of every answered body back', async () => {
    await restartWith({ maxBodyBytes: 100_000 })
    for (let count = 0; count < 6; count += 1) {
      expect((await send(unsigned(90_000))).status).toBe(401)
      const { request, response } = openRequest({ 'transfer-encoding': 'chunked' }, 'x'.repeat(90_000))
      request.end('x'.repeat(20_000))
      expect((await response).statusCode).toBe(413)
    }
  })

  it.each([
    ['GET', '/webhook', 405],
    ['PUT', '/webhook', 405],
    ['POST', '/other', 404],
    ['POST', '/', 404],
    ['GET', '/%E0%A4%A', 404],
  ])('answers %s %s with %i', async (method, path, status) => {
    const init = method === 'GET' ? { method } : { method, body: '{}' }
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, init)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ status: 'refused' })
  })

  it('never writes a secret, a signature or a body to the log', async () => {
    await send(review())
    await send(review(), { 'x-hub-signature-256': signatureOf(Buffer.from('x'), secret) })
    await send(review(), { 'x-github-delivery': `${secret}\n{"level":60}` }).catch(() => undefined)
    await send(signedDelivery('ping', { zen: 'a private zen' }, secret))
    const log = lines.join('\n')
    expect(log).toContain('"outcome":"queued"')
    expect(log).toContain('"refusedByStatus":{"401":1}')
    for (const text of [secret, oldSecret, 'sha256=', 'a private zen', 'Codertocat']) expect(log).not.toContain(text)
  })
})

describe('without Redis', () => {
  it('answers 503 within 3 s, not ready, and takes the delivery again once Redis is back', async () => {
    await redis.kill()
    const startedAtMs = Date.now()
    const answer = await send(review())
    expect(answer).toMatchObject({ status: 503, body: { status: 'refused' } })
    expect(answer.headers.get('retry-after')).toBe('5')
    expect(Date.now() - startedAtMs).toBeLessThan(3_000)
    expect((await fetch(`http://127.0.0.1:${server.port}/readyz`)).status).toBe(503)
    expect((await fetch(`http://127.0.0.1:${server.port}/healthz`)).status).toBe(200)
    await redis.restart()
    await expect.poll(async () => (await send(review())).body.status, { timeout: 10_000 }).toBe('queued')
    expect((await fetch(`http://127.0.0.1:${server.port}/readyz`)).status).toBe(200)
    expect(await inboxOfBranch()).toHaveLength(1)
  })

  it('answers 503 within 3 s while Redis is paused, and keeps one item in the end', async () => {
    await pauseRedis(3_500)
    const startedAtMs = Date.now()
    expect(await send(review())).toMatchObject({ status: 503 })
    expect(Date.now() - startedAtMs).toBeLessThan(3_000)
    await expect.poll(async () => (await send(review())).status, { timeout: 10_000 }).toBe(202)
    expect(await inboxOfBranch()).toHaveLength(1)
  })

  it('has stored what it answered 202 to, even when Redis is killed right after', async () => {
    expect(await send(review())).toMatchObject({ status: 202 })
    await redis.kill()
    await redis.restart()
    await expect.poll(() => ledger.countTasks().catch(() => undefined), { timeout: 10_000 }).toBe(0)
    expect(await inboxOfBranch()).toHaveLength(1)
  })

  it('answers 202 when only the waking fails', async () => {
    await restartWith({ queue: { wake: () => Promise.reject(new Error('no queue')) } })
    await acceptPlan()
    expect(await send(review())).toMatchObject({ status: 202, body: { status: 'queued' } })
    await expect.poll(() => lines.join('')).toContain('the sweeper will find its inbox')
  })
})

/** A body of this size that nobody signed. */
function unsigned(bytes: number): SignedDelivery {
  return { body: Buffer.alloc(bytes, 'x'), headers: review().headers }
}

/** A request whose body stays open. */
function openRequest(headers: Record<string, string>, firstChunk: string) {
  const options = { port: server.port, path: '/webhook', method: 'POST' }
  const request = httpRequest({ ...options, headers: { ...review().headers, ...headers } })
  request.on('error', () => undefined)
  request.write(firstChunk)
  const response = new Promise<IncomingMessage>((resolve) =>
    request.once('response', (incoming) => {
      incoming.resume()
      resolve(incoming)
    }),
  )
  return { request, response, end: () => request.destroy() }
}

/** Redis takes connections and answers nothing for a while. */
async function pauseRedis(forMs: number): Promise<void> {
  const socket = connect(Number(new URL(redis.url).port), '127.0.0.1')
  socket.write(`CLIENT PAUSE ${forMs} ALL\r\n`)
  await once(socket, 'data')
  socket.destroy()
}
