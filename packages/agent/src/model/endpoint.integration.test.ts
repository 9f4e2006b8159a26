import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DevBotError } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import type { FailedAttempt, ModelRequest } from '../model-client.ts'
import { apiError, replyEvents, startMessagesServer, streamOf } from '../testing/messages-server.ts'
import { type AnthropicModelOptions, createAnthropicModel } from './create-anthropic-model.ts'
import { createProxiedFetch } from './proxied-fetch.ts'

const KEY = 'test-key-7f3a9c'
const hello = streamOf(replyEvents([{ type: 'text', text: ['Hello'] }]))
const requestWith = (more: Partial<ModelRequest> = {}): ModelRequest => ({
  system: 's',
  tools: [],
  messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
  signal: new AbortController().signal,
  ...more,
})
const modelAt = (baseUrl: string, options: Partial<AnthropicModelOptions> = {}) =>
  createAnthropicModel({
    apiKey: () => KEY,
    baseUrl,
    model: 'claude-sonnet-5-5',
    retry: { baseDelayMs: 5, maxDelayMs: 20 },
    ...options,
  })

describe('an endpoint of the operator', () => {
  it.each(['/gateway/anthropic', '/gateway/anthropic/'])('may have the path %s', async (path) => {
    await using server = await startMessagesServer([hello])
    await modelAt(`${server.url}${path}`).ask(requestWith())
    expect(server.requests[0]?.url).toBe('/gateway/anthropic/v1/messages')
  })

  it('gets a key where gateways look for it, and a token as a bearer token alone', async () => {
    await using server = await startMessagesServer([hello])
    await modelAt(server.url).ask(requestWith())
    await modelAt(server.url, { auth: 'token' }).ask(requestWith())
    expect(server.requests.map(({ headers }) => [headers.authorization, headers['x-api-key']])).toEqual([
      [`Bearer ${KEY}`, KEY],
      [`Bearer ${KEY}`, undefined],
    ])
  })

  it("gets a key at the vendor's own address as its SDK sends it", async () => {
    const seen: Headers[] = []
    const refusing: typeof fetch = async (_url, init) => {
      seen.push(new Headers(init?.headers))
      return new Response('{}', { status: 400 })
    }
    const model = createAnthropicModel({ apiKey: () => KEY, model: 'claude-sonnet-5-5', fetch: refusing })
    await expect(model.ask(requestWith())).rejects.toThrow()
    expect(seen.map((headers) => [headers.get('authorization'), headers.get('x-api-key')])).toEqual([
      [`Bearer ${KEY}`, null],
    ])
  })

  it('gets the custom headers, read anew for each request, and may be asked for another API version', async () => {
    await using server = await startMessagesServer([hello])
    let headers = 'X-Team: one\nAnthropic-Version: 2023-06-01'
    const model = modelAt(server.url, { headers: () => headers })
    await model.ask(requestWith())
    headers = 'X-Team: two'
    await model.ask(requestWith())
    expect(server.requests.map((request) => [request.headers['x-team'], request.headers['anthropic-version']])).toEqual(
      [
        ['one', '2023-06-01'],
        ['two', expect.stringMatching(/^20/)],
      ],
    )
  })

  it('is not asked with headers that became malformed, and their value is in no error', async () => {
    await using server = await startMessagesServer([hello])
    const failed = await modelAt(server.url, { headers: () => 'X-Team secret-value' })
      .ask(requestWith())
      .catch((error: unknown) => error)
    expect(failed).toMatchObject({ category: 'config', code: 'model-headers-malformed' })
    expect(JSON.stringify(failed)).not.toContain('secret-value')
    expect(server.requests).toHaveLength(0)
  })

  it('never gets more output asked for than the model can give', async () => {
    await using server = await startMessagesServer([hello])
    const model = modelAt(server.url, { model: 'claude-haiku-4-5', maxOutputTokens: 128_000 })
    await model.ask(requestWith())
    expect([model.maxOutputTokens, server.requests[0]?.body.max_tokens]).toEqual([64_000, 64_000])
  })
})

describe('a refused key', () => {
  it('is read again once, and a new one is used at once', async () => {
    const keys = ['old-key', 'new-key', 'new-key']
    await using server = await startMessagesServer([apiError(401, 'authentication_error'), hello])
    const reply = await modelAt(server.url, { apiKey: () => keys.shift() ?? 'new-key' }).ask(requestWith())
    expect(reply.content).toHaveLength(1)
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer old-key', 'Bearer new-key'])
  })

  it('is not tried a third time, however often it changes', async () => {
    let count = 0
    await using server = await startMessagesServer([apiError(401, 'authentication_error')])
    const asked = modelAt(server.url, { apiKey: () => `key-${count++}` }).ask(requestWith())
    await expect(asked).rejects.toMatchObject({ category: 'permission', code: 'model-key-refused' })
    expect(server.requests).toHaveLength(2)
  })
})

describe('a pause that one run learnt of', () => {
  const limited = (headers: Record<string, string>) => apiError(429, 'rate_limit_error', { headers })

  it('is kept by all runs of the client', async () => {
    await using server = await startMessagesServer([limited({ 'retry-after-ms': '400' }), hello])
    const model = modelAt(server.url)
    const first = model.ask(requestWith())
    await until(() => server.requests.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 50))
    const failed: FailedAttempt[] = []
    const others = [1, 2, 3].map(() =>
      model.ask(requestWith({ onFailedAttempt: (attempt) => void failed.push(attempt) })),
    )
    await Promise.all([first, ...others])
    expect(server.requests).toHaveLength(5)
    const [learnt = 0, ...later] = server.requests.map((request) => request.atMs)
    expect(Math.min(...later) - learnt).toBeGreaterThan(380)
    expect(failed).toHaveLength(3)
    expect(failed[0]).toMatchObject({ code: 'model-rate-limited', retryInMs: expect.any(Number) })
  })

  it('is learnt from an overload too, but not from a plain error of one request', async () => {
    await using overloaded = await startMessagesServer([apiError(529, 'overloaded_error'), hello])
    await using broken = await startMessagesServer([apiError(500, 'api_error'), hello])
    const secondWaits = async (server: typeof broken) => {
      const model = modelAt(server.url, { retry: { baseDelayMs: 600, maxDelayMs: 600 } })
      const first = model.ask(requestWith())
      await until(() => server.requests.length === 1)
      await new Promise((resolve) => setTimeout(resolve, 50))
      const startedMs = performance.now()
      await model.ask(requestWith())
      const waitedMs = performance.now() - startedMs
      await first
      return waitedMs
    }
    expect(await secondWaits(overloaded)).toBeGreaterThan(200)
    expect(await secondWaits(broken)).toBeLessThan(200)
  })

  it('is given back to the caller with the time left when it is long, without a request', async () => {
    await using server = await startMessagesServer([limited({ 'retry-after': '600' })])
    const model = modelAt(server.url)
    await expect(model.ask(requestWith())).rejects.toMatchObject({ retryAfterMs: 600_000 })
    const second = await model.ask(requestWith()).catch((error: unknown) => error)
    expect(second).toMatchObject({ category: 'transient', code: 'model-rate-limited' })
    expect((second as DevBotError).retryAfterMs).toBeGreaterThan(590_000)
    expect(server.requests).toHaveLength(1)
  })

  it('ends at once for a run that is cancelled', async () => {
    await using server = await startMessagesServer([limited({ 'retry-after': '30' }), hello])
    const model = modelAt(server.url)
    const stop = new AbortController()
    const first = model.ask(requestWith({ signal: stop.signal })).catch((error: unknown) => error)
    await until(() => server.requests.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 50))
    const second = model.ask(requestWith({ signal: stop.signal })).catch((error: unknown) => error)
    stop.abort()
    expect(await first).toMatchObject({ code: 'model-call-cancelled' })
    expect(await second).toMatchObject({ code: 'model-call-cancelled' })
  })
})

describe('a proxy', () => {
  it('gets the request for an http endpoint, with the credentials of its address', async () => {
    await using gateway = await startMessagesServer([hello])
    await using proxy = await startProxy(gateway.url)
    const fetch = createProxiedFetch('http://models.example.test', { httpProxy: proxy.url('user:pass') })
    const reply = await modelAt('http://models.example.test', { fetch }).ask(requestWith())
    expect(reply.content).toEqual([{ type: 'text', text: 'Hello' }])
    expect(proxy.seen[0]?.target).toContain('models.example.test')
    expect(proxy.seen[0]?.credentials).toBe(`Basic ${Buffer.from('user:pass').toString('base64')}`)
  })

  it('gets a tunnel for an https endpoint and never sees the key; a refusal is an endpoint out of reach', async () => {
    await using proxy = await startProxy(undefined)
    const fetch = createProxiedFetch('https://models.example.test', { httpsProxy: proxy.url('user:pass') })
    const failed = await modelAt('https://models.example.test', { fetch, retry: { maxAttempts: 1 } })
      .ask(requestWith())
      .catch((error: unknown) => error)
    expect(failed).toMatchObject({ category: 'transient', code: 'model-unreachable' })
    expect(proxy.seen).toMatchObject([{ target: 'models.example.test:443' }])
    expect(JSON.stringify([proxy.seen, failed, failed instanceof DevBotError && failed.stack])).not.toMatch(
      new RegExp(`${KEY}|user:pass`),
    )
  })

  it.each([
    ['on this machine', 'http://127.0.0.1:1', {}],
    ['on this machine by name', 'http://localhost:1', {}],
    ['on this machine by IPv6', 'http://[::1]:1', {}],
    ['in the same compose project', 'http://replay-model:8787', {}],
    ['of the other scheme', 'https://models.example.test', {}],
  ])('is not used for an endpoint %s', (_where, url, more) => {
    expect(createProxiedFetch(url, { httpProxy: 'http://proxy.example.test:1', ...more })).toBe(globalThis.fetch)
  })

  it('is not used for an endpoint that NO_PROXY names', async () => {
    await using proxy = await startProxy(undefined)
    const settings = { httpProxy: proxy.url(), noProxy: 'other.test,.example.test' }
    const fetch = createProxiedFetch('http://models.example.test', settings)
    await expect(fetch('http://models.example.test/v1/messages')).rejects.toThrow()
    expect(proxy.seen).toEqual([])
  })
})

async function until(holds: () => boolean): Promise<void> {
  const deadlineMs = Date.now() + 5_000
  while (!holds()) {
    if (Date.now() > deadlineMs) throw new Error('waited 5 s in vain')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** A proxy that notes what it is asked, passes plain requests and tunnels on to `upstream`, and refuses without one. */
async function startProxy(upstream: string | undefined) {
  const seen: { readonly target: string; readonly credentials: string | undefined; readonly headers: string }[] = []
  const note = (request: { url?: string | undefined; headers: NodeJS.Dict<string | string[]> }) =>
    seen.push({
      target: request.url ?? '',
      credentials: request.headers['proxy-authorization']?.toString(),
      headers: JSON.stringify({ ...request.headers, 'proxy-authorization': undefined }),
    })
  const server = createServer(async (request, response) => {
    note(request)
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    if (upstream === undefined) return void response.writeHead(502).end()
    const { pathname } = new URL(request.url ?? '', upstream)
    const answer = await fetch(`${upstream}${pathname}`, { method: 'POST', body: Buffer.concat(chunks) })
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' })
    response.end(Buffer.from(await answer.arrayBuffer()))
  })
  server.on('connect', (request, socket) => {
    note(request)
    if (upstream === undefined) {
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
      return
    }
    const { port } = new URL(upstream)
    import('node:net').then(({ connect }) => {
      const target = connect(Number(port), '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'))
      target.pipe(socket).pipe(target)
      for (const end of [target, socket]) end.on('error', () => [target, socket].map((other) => other.destroy()))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    seen,
    url: (credentials?: string) => `http://${credentials === undefined ? '' : `${credentials}@`}127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
