import type { ServerResponse } from 'node:http'
import { categoryOf, DevBotError } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import type { FailedAttempt, ModelRequest } from '../model-client.ts'
import { type Answer, apiError, replyEvents, startMessagesServer, streamOf } from '../testing/messages-server.ts'
import { type AnthropicModelOptions, createAnthropicModel } from './create-anthropic-model.ts'

const KEY = 'test-key-7f3a9c'
const QUICK = { baseDelayMs: 5, maxDelayMs: 20 }
const TOOL = { name: 'shell', description: 'Runs.', inputSchema: { type: 'object' as const } }
const toolCall = { type: 'tool_use' as const, id: 'toolu_1', name: 'shell', json: ['{"comm', 'and": "ls ', '-l"}'] }
const hello = streamOf(replyEvents([{ type: 'text', text: ['Hel', 'lo'] }]))

/** Asks once against a server that gives these answers. */
async function ask(
  answers: readonly Answer[],
  options: Partial<AnthropicModelOptions> & { request?: Partial<ModelRequest> } = {},
) {
  await using server = await startMessagesServer(answers)
  const { request, ...rest } = options
  const model = createAnthropicModel({
    apiKey: () => KEY,
    baseUrl: server.url,
    model: 'claude-sonnet-5-5',
    retry: QUICK,
    ...rest,
  })
  const failed: FailedAttempt[] = []
  const asked = model.ask({
    system: 'You are DevBot.',
    tools: [TOOL],
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
    signal: new AbortController().signal,
    onFailedAttempt: (attempt) => void failed.push(attempt),
    ...request,
  })
  const result = await asked.then(
    (reply) => ({ reply, error: undefined }),
    (error: unknown) => ({ reply: undefined, error }),
  )
  return { ...result, requests: server.requests, failed }
}

const REQUEST: ModelRequest = {
  system: 'You are DevBot.',
  tools: [TOOL],
  messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
  signal: new AbortController().signal,
}

function codeOf(error: unknown): string | undefined {
  return error instanceof DevBotError ? error.code : undefined
}

describe('createAnthropicModel', () => {
  it('puts a streamed reply together: thinking, text, a tool call in pieces, usage with cache', async () => {
    const events = replyEvents(
      [
        { type: 'thinking', thinking: ['I ', 'look.'], signature: 'sig==' },
        { type: 'text', text: ['Look', 'ing'] },
        toolCall,
      ],
      {
        stopReason: 'tool_use',
        startUsage: {
          input_tokens: 7,
          cache_read_input_tokens: 900,
          cache_creation_input_tokens: 50,
          output_tokens: 1,
        },
        endUsage: { output_tokens: 42 },
      },
    )
    const { reply, requests } = await ask([streamOf(events)])
    expect(reply?.content).toEqual([
      { type: 'thinking', thinking: 'I look.', signature: 'sig==' },
      { type: 'text', text: 'Looking' },
      { type: 'tool_use', id: 'toolu_1', name: 'shell', input: { command: 'ls -l' } },
    ])
    expect(reply?.stopReason).toBe('tool_use')
    expect(reply?.usage).toMatchObject({ inputTokens: 7, cacheReadTokens: 900, cacheWriteTokens: 50, outputTokens: 42 })
    expect(requests).toHaveLength(1)
    expect(requests[0]?.headers.authorization).toBe(`Bearer ${KEY}`)
    expect(requests[0]?.body).toMatchObject({
      model: 'claude-sonnet-5-5',
      stream: true,
      max_tokens: 32_000,
      tools: [{ name: 'shell' }],
    })
    for (const refused of ['temperature', 'top_p', 'top_k', 'thinking', 'tool_choice'])
      expect(requests[0]?.body).not.toHaveProperty(refused)
  })

  it('asks for a shorter reply where the request sets a lower ceiling, never for a longer one', async () => {
    const lowered = await ask([hello], { request: { maxOutputTokens: 2_500 } })
    expect(lowered.requests[0]?.body).toMatchObject({ max_tokens: 2_500 })
    const raised = await ask([hello], { request: { maxOutputTokens: 900_000 } })
    expect(raised.requests[0]?.body).toMatchObject({ max_tokens: 32_000 })
  })

  it('ends the call with what the listener of a failed attempt throws, without another request', async () => {
    const enough = new Error('no money for another attempt')
    const { error, requests } = await ask([apiError(529, 'overloaded_error'), hello], {
      request: { onFailedAttempt: () => Promise.reject(enough) },
    })
    expect(error).toBe(enough)
    expect(requests).toHaveLength(1)
  })

  it('reads the key anew for every attempt', async () => {
    const keys = ['old-key', 'new-key']
    const { requests } = await ask([apiError(529, 'overloaded_error'), hello], { apiKey: () => keys.shift() ?? '' })
    expect(requests.map((request) => request.headers.authorization)).toEqual(['Bearer old-key', 'Bearer new-key'])
  })

  it('marks an input that is no JSON instead of guessing it', async () => {
    const broken = { ...toolCall, json: ['{"command": "rm -r build', ' && make'] }
    const { reply } = await ask([streamOf(replyEvents([broken], { stopReason: 'tool_use' }))])
    expect(reply?.content).toEqual([
      { type: 'tool_use', id: 'toolu_1', name: 'shell', input: {}, inputUnreadable: true },
    ])
  })

  it('takes a call without any input as an empty one', async () => {
    const { reply } = await ask([streamOf(replyEvents([{ ...toolCall, json: [] }], { stopReason: 'tool_use' }))])
    expect(reply?.content).toEqual([{ type: 'tool_use', id: 'toolu_1', name: 'shell', input: {} }])
  })

  describe('when the endpoint fails once', () => {
    const whole = replyEvents([toolCall], { stopReason: 'tool_use' })
    it.each<[string, Answer, string]>([
      ['500', apiError(500, 'api_error'), 'model-failed'],
      ['503', apiError(503, 'api_error'), 'model-overloaded'],
      ['504', apiError(504, 'timeout_error'), 'model-failed'],
      ['409', apiError(409, 'conflict_error'), 'model-failed'],
      [
        "a gateway's page that is no JSON",
        (response) => void response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>'),
        'model-failed',
      ],
      ['529', apiError(529, 'overloaded_error'), 'model-overloaded'],
      ['408', apiError(408, 'timeout_error'), 'model-failed'],
      [
        'an error event inside the stream',
        streamOf([whole[0] ?? {}, { type: 'error', error: { type: 'overloaded_error', message: 'x' } }]),
        'model-overloaded',
      ],
      ['a stream that ends inside a tool call', streamOf(whole.slice(0, 5)), 'model-stream-broken'],
      ['a stream that ends before its last event', streamOf(whole.slice(0, -1)), 'model-stream-broken'],
      [
        'a tool call that was never closed',
        streamOf(whole.filter((event) => !('type' in event && event.type === 'content_block_stop'))),
        'model-stream-broken',
      ],
      [
        'a stream without a stop reason',
        streamOf(replyEvents([toolCall], { stopReason: null })),
        'model-stream-broken',
      ],
      [
        'a connection reset inside a tool call',
        streamOf(whole.slice(0, 5), (response) => setTimeout(() => response.destroy(), 10)),
        'model-stream-broken',
      ],
      ['a connection closed without an answer', (response) => void response.destroy(), 'model-unreachable'],
      [
        'an event that is no JSON',
        (response) => void response.writeHead(200).end('event: message_start\ndata: {oops\n\n'),
        'model-stream-broken',
      ],
    ])('asks again after %s and gives the whole reply', async (_name, answer, code) => {
      const { reply, requests, failed } = await ask([answer, streamOf(whole)])
      expect(failed).toMatchObject([{ code, retryInMs: expect.any(Number) }])
      expect(reply?.content).toEqual([{ type: 'tool_use', id: 'toolu_1', name: 'shell', input: { command: 'ls -l' } }])
      expect(requests).toHaveLength(2)
    })

    it('tells what a broken attempt used', async () => {
      const { failed } = await ask([
        streamOf(
          replyEvents([{ type: 'text', text: ['abc'] }], { startUsage: { input_tokens: 500, output_tokens: 2 } }).slice(
            0,
            4,
          ),
        ),
        hello,
      ])
      expect(failed[0]?.usage?.inputTokens).toBe(500)
      expect(failed[0]?.usage?.outputTokens).toBeGreaterThan(2)
    })

    it('asks again when the stream falls silent', async () => {
      const silent = streamOf(whole.slice(0, 3), () => undefined)
      const { reply, failed } = await ask([silent, hello], { idleTimeoutMs: 100 })
      expect(failed).toMatchObject([{ code: 'model-stream-silent' }])
      expect(reply?.content).toEqual([{ type: 'text', text: 'Hello' }])
    })

    it('asks again when no answer begins', async () => {
      const { failed, requests } = await ask([() => undefined, hello], { idleTimeoutMs: 100 })
      expect(failed).toMatchObject([{ code: 'model-stream-silent' }])
      expect(requests).toHaveLength(2)
    })

    it('takes pings as a sign of life', async () => {
      const slow: Answer = async (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        for (let beat = 0; beat < 6; beat += 1) {
          response.write('event: ping\ndata: {"type":"ping"}\n\n')
          await new Promise((resolve) => setTimeout(resolve, 50))
        }
        for (const event of replyEvents([{ type: 'text', text: ['late'] }])) {
          response.write(`event: ${(event as { type: string }).type}\ndata: ${JSON.stringify(event)}\n\n`)
        }
        response.end()
      }
      const { reply, requests } = await ask([slow], { idleTimeoutMs: 200 })
      expect(reply?.content).toEqual([{ type: 'text', text: 'late' }])
      expect(requests).toHaveLength(1)
    })
  })

  it('waits as long as a rate limit says', async () => {
    const startedMs = Date.now()
    const { reply, requests, failed } = await ask([
      apiError(429, 'rate_limit_error', { headers: { 'retry-after': '0.3' } }),
      hello,
    ])
    expect(failed).toMatchObject([{ code: 'model-rate-limited', retryInMs: 300 }])
    expect(Date.now() - startedMs).toBeGreaterThanOrEqual(290)
    expect(requests).toHaveLength(2)
    expect(reply).toBeDefined()
  })

  it('gives a long wait back to the caller instead of sitting it out', async () => {
    const { error, requests } = await ask([apiError(429, 'rate_limit_error', { headers: { 'retry-after': '3600' } })])
    expect(requests).toHaveLength(1)
    expect(error).toMatchObject({ category: 'transient', code: 'model-rate-limited', retryAfterMs: 3_600_000 })
  })

  it('gives up after five tries', async () => {
    const { error, requests, failed } = await ask([apiError(529, 'overloaded_error')])
    expect(requests).toHaveLength(5)
    expect(failed.map((attempt) => attempt.retryInMs !== undefined)).toEqual([true, true, true, true, false])
    expect(categoryOf(error)).toBe('transient')
  })

  it.each([
    [400, 'invalid_request_error', undefined, 'invalid-input', 'model-request-refused'],
    [401, 'authentication_error', undefined, 'permission', 'model-key-refused'],
    [402, 'billing_error', undefined, 'permission', 'model-spend-limit'],
    [400, 'billing_error', undefined, 'permission', 'model-spend-limit'],
    [403, 'permission_error', undefined, 'permission', 'model-access-denied'],
    [404, 'not_found_error', undefined, 'config', 'model-not-found'],
    [413, 'request_too_large', undefined, 'invalid-input', 'model-request-too-long'],
    [400, 'invalid_request_error', 'organization_on_hold', 'permission', 'model-access-denied'],
    [402, 'billing_error', 'linked_organization_spend_limit_reached', 'permission', 'model-spend-limit'],
    [429, 'rate_limit_error', 'contract_spend_limit_reached', 'permission', 'model-spend-limit'],
    [422, 'invalid_request_error', undefined, 'invalid-input', 'model-request-refused'],
    [429, 'rate_limit_error', undefined, 'transient', 'model-rate-limited'],
    [429, 'rate_limit_error', 'enforced_spend_limit_reached', 'permission', 'model-spend-limit'],
  ])('asks only once for %i %s %s', async (status, type, errorCode, category, code) => {
    const { error, requests } = await ask([apiError(status, type, errorCode === undefined ? {} : { errorCode }), hello])
    expect(requests).toHaveLength(1)
    expect(error).toMatchObject({ category, code })
  })

  it('never gives a part of a tool call, wherever the stream breaks off', async () => {
    const parts = [
      { type: 'thinking' as const, thinking: ['I look.'], signature: 'sig==' },
      { type: 'text' as const, text: ['Looking'] },
      toolCall,
      { ...toolCall, id: 'toolu_2', json: ['{"command": "rm -r build"}'] },
    ]
    const events = replyEvents(parts, { stopReason: 'tool_use' })
    const whole = events
      .map((event) => `event: ${(event as { type: string }).type}\ndata: ${JSON.stringify(event)}\n\n`)
      .join('')
    // Each event's middle, end and last line, and each byte of the last 200: the places where a cut could look whole.
    const cuts = new Set(Array.from({ length: 200 }, (_, back) => whole.length - 1 - back))
    for (let at = whole.indexOf('\n\n'); at >= 0; at = whole.indexOf('\n\n', at + 1))
      for (const cut of [at - 30, at - 1, at, at + 1, at + 2]) if (cut > 0 && cut < whole.length) cuts.add(cut)
    const answers = [...cuts].map(
      (cut): Answer =>
        (response) =>
          void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(whole.slice(0, cut)),
    )
    await using server = await startMessagesServer(answers)
    const model = createAnthropicModel({
      apiKey: () => KEY,
      baseUrl: server.url,
      model: 'm',
      retry: { maxAttempts: 1 },
    })
    for (const cut of cuts) {
      const asked = await model.ask(REQUEST).then(
        (reply) => reply.content,
        (error: unknown) => codeOf(error),
      )
      // The last event's own end may be missing: all it says is that the reply is complete.
      if (cut < whole.lastIndexOf('event: message_stop')) expect(asked).toBe('model-stream-broken')
      else if (typeof asked !== 'string')
        expect(asked?.filter((block) => block.type === 'tool_use')).toMatchObject([
          { input: { command: 'ls -l' } },
          { input: { command: 'rm -r build' } },
        ])
    }
  })

  it('calls a refused request too long when it is larger than the window can hold', async () => {
    const long = {
      messages: [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'x'.repeat(450_000) }] }],
    }
    const { error } = await ask([apiError(400, 'invalid_request_error')], { model: 'claude-haiku-4-5', request: long })
    expect(error).toMatchObject({ category: 'invalid-input', code: 'model-request-too-long' })
    const short = await ask([apiError(400, 'invalid_request_error')], { model: 'claude-haiku-4-5' })
    expect(codeOf(short.error)).toBe('model-request-refused')
  })

  it('reads the wait in milliseconds or as a date too', async () => {
    const exact = await ask([apiError(429, 'rate_limit_error', { headers: { 'retry-after-ms': '120' } }), hello])
    expect(exact.failed).toMatchObject([{ retryInMs: 120 }])
    const date = new Date(Date.now() + 7_200_000).toUTCString()
    const { error } = await ask([apiError(429, 'rate_limit_error', { headers: { 'retry-after': date } })])
    expect(error).toHaveProperty('retryAfterMs', expect.closeTo(7_200_000, -4))
  })

  it('names the network fault when nothing listens', async () => {
    const closed = await startMessagesServer([])
    await closed[Symbol.asyncDispose]()
    const { error } = await ask([], { baseUrl: closed.url, retry: { ...QUICK, maxAttempts: 2 } })
    expect(error).toMatchObject({
      category: 'transient',
      code: 'model-unreachable',
      details: { reason: 'ECONNREFUSED' },
    })
  })

  it('shows the key in no error, not even when the endpoint repeats it', async () => {
    const echo: Answer = (response, request) => {
      response.writeHead(400, { 'content-type': 'application/json', 'request-id': 'r' })
      response.end(
        JSON.stringify({ error: { type: 'invalid_request_error', message: JSON.stringify(request.headers) } }),
      )
    }
    const { error } = await ask([echo])
    expect(allTextOf(error)).not.toContain(KEY)
  })

  it('refuses a key that no header can carry, without showing it', async () => {
    const { error, requests } = await ask([hello], { apiKey: () => `${KEY}\n` })
    expect(requests).toHaveLength(0)
    expect(codeOf(error)).toBe('model-key-malformed')
    expect(allTextOf(error)).not.toContain(KEY)
  })

  it.each<[string, (response: ServerResponse) => void]>([
    ['breaks', (response) => void response.destroy()],
    ['falls silent', () => undefined],
  ])('is about the refused key, not about the connection that %s after it', async (_how, after) => {
    const refusal: Answer = (response) => {
      response.writeHead(401, { 'content-type': 'application/json', 'content-length': '1000' })
      response.write('{"type":"error",')
      setTimeout(() => after(response), 30)
    }
    const { error, requests } = await ask([refusal], { idleTimeoutMs: 150 })
    expect(error).toMatchObject({ category: 'permission', code: 'model-key-refused' })
    expect(requests).toHaveLength(1)
  })

  it('does not follow a redirect with the key', async () => {
    await using elsewhere = await startMessagesServer([hello])
    const { requests, error } = await ask(
      [(response) => void response.writeHead(307, { location: `${elsewhere.url}/v1/messages` }).end()],
      {
        retry: { maxAttempts: 1 },
      },
    )
    expect(requests).toHaveLength(1)
    expect(elsewhere.requests).toHaveLength(0)
    expect(codeOf(error)).toBe('model-unreachable')
  })

  it.each<[string, Answer]>([
    ['inside a stream', streamOf(replyEvents([toolCall]).slice(0, 4), () => undefined)],
    ['between two tries', apiError(429, 'rate_limit_error', { headers: { 'retry-after': '30' } })],
  ])('ends at once as cancelled when it is aborted %s', async (_name, answer) => {
    const startedMs = Date.now()
    const { error } = await ask([answer], { request: { signal: AbortSignal.timeout(100) } })
    expect(error).toMatchObject({ category: 'cancelled', code: 'model-call-cancelled' })
    expect(Date.now() - startedMs).toBeLessThan(5_000)
  })
})

/** Everything an error would show, its causes included. */
function allTextOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return [
    error.message,
    error.stack,
    JSON.stringify(error),
    error.cause === undefined ? '' : allTextOf(error.cause),
  ].join('\n')
}
