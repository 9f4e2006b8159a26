import Anthropic from '@anthropic-ai/sdk'
import { createLogger } from '@devbot/config'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ReplayModel, startReplayModel } from './start-replay-model.ts'
import type { TrajectoryInput } from './trajectory.ts'

const apiKey = 'key-of-the-replay-model'
const log = createLogger({ service: 'test', level: 'silent', secrets: [] })
const MODEL = 'claude-sonnet-5-5'

const tools: Anthropic.Tool[] = [
  { name: 'read', input_schema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] } },
  { name: 'finish', input_schema: { type: 'object', properties: { title: { type: 'string' } }, required: ['title'] } },
]

const trajectories: TrajectoryInput[] = [
  {
    name: 'walk',
    match: 'Walk through',
    turns: [
      {
        thinking: 'Where to begin? With the file – перш за все.',
        text: 'I read two files at once, ünïcode and all: '.repeat(4),
        calls: [
          { tool: 'read', input: { path: 'a.ts' } },
          { tool: 'read', input: { path: 'b.ts' } },
        ],
      },
      { calls: [{ tool: 'read', input: { path: 'c.ts' } }] },
      { thinking: 'One more.', calls: [{ tool: 'read', input: { path: 'd.ts' } }] },
      { calls: [{ tool: 'read', input: { path: 'e.ts' } }] },
      { text: 'Done.' },
    ],
  },
  {
    name: 'troubled',
    match: 'Trouble',
    turns: [{ text: 'At last.', faults: [{ status: 529, retryAfterSeconds: 3, times: 2 }, { cut: true }] }],
  },
  {
    name: 'strict',
    match: 'Strict',
    turns: [{ calls: [{ tool: 'read', input: { path: 'x' } }] }, { text: 'ok', expect: '^found' }],
  },
  {
    name: 'answering',
    match: ['Answer', '/feedback/i'],
    run: 'revise',
    captures: { item: { pattern: '\\d+-review-\\d+-[0-9a-f]{8}' } },
    turns: [{ calls: [{ tool: 'finish', input: { title: 'to {{item}}' } }] }],
  },
  {
    name: 'persistent',
    match: 'Persist',
    repeatWhile: 'interrupted',
    turns: [
      { calls: [{ tool: 'read', input: { path: 'a.ts' } }] },
      { calls: [{ tool: 'read', input: { path: 'b.ts' } }] },
    ],
  },
  { name: 'other-tools', match: 'Other tools', turns: [{ calls: [{ tool: 'browse', input: {} }] }] },
  { name: 'other-input', match: 'Other input', turns: [{ calls: [{ tool: 'read', input: { file: 'a' } }] }] },
]

let model: ReplayModel
let client: Anthropic

beforeEach(async () => {
  model = await startReplayModel({ port: 0, host: '127.0.0.1', apiKey, trajectories, log })
  client = new Anthropic({ apiKey, baseURL: model.url, maxRetries: 0 })
})
afterEach(() => model.stop())

describe('a reply', () => {
  it('is the same as a stream and whole, and the same again when it is asked for again', async () => {
    const params = request('Walk through it')
    const whole = await client.messages.create(params)
    const streamed = await client.messages.stream(params).finalMessage()
    const { usage: _first, ...message } = whole
    const { usage: _second, ...streamedMessage } = streamed
    expect(streamedMessage).toMatchObject(message)
    expect(whole.stop_reason).toBe('tool_use')
    expect(whole.content.map((block) => block.type)).toEqual(['thinking', 'text', 'tool_use', 'tool_use'])
    expect(streamed.usage.output_tokens).toBe(whole.usage.output_tokens)
  })

  it('shows its thinking only when the request asks for it', async () => {
    const hidden = await client.messages.create(request('Walk through it'))
    const shown = await client.messages.create({
      ...request('Walk through it'),
      thinking: { type: 'adaptive', display: 'summarized' },
    })
    expect(hidden.content[0]).toMatchObject({ type: 'thinking', thinking: '' })
    expect(shown.content[0]).toMatchObject({
      type: 'thinking',
      thinking: 'Where to begin? With the file – перш за все.',
    })
  })

  it('fills placeholders from the first user message', async () => {
    const reply = await client.messages.create(request('Answer this Feedback: 7-review-8-0a1b2c3d'))
    expect(reply.content[0]).toMatchObject({ name: 'finish', input: { title: 'to 7-review-8-0a1b2c3d' } })
  })

  it('is given again while the results of its calls are what has them repeated, and the next one afterwards', async () => {
    const paths: unknown[] = []
    let messages = request('Persist').messages
    for (const result of ['interrupted', 'interrupted', 'the text of a.ts', 'interrupted']) {
      const reply = await client.messages.create({ ...request(''), messages })
      paths.push(...reply.content.flatMap((block) => (block.type === 'tool_use' ? [block.input] : [])))
      messages = [...messages, ...answerTo(reply, result)]
    }
    expect(paths).toEqual(['a.ts', 'a.ts', 'a.ts', 'b.ts'].map((path) => ({ path })))
  })

  it('is told in the journal with its usage', async () => {
    await client.messages.create(request('Walk through it'))
    expect(model.requests()).toMatchObject([
      { model: MODEL, messages: 1, tools: ['read', 'finish'], trajectory: 'walk', turn: 1, calls: ['read', 'read'] },
    ])
    expect(model.violations()).toEqual([])
  })
})

describe('usage', () => {
  it('reads from the cache, over five turns, what the request before marked', async () => {
    const usages = await walk()
    expect(usages[0]).toMatchObject({ cache_read_input_tokens: 0, input_tokens: 0 })
    for (const [index, usage] of usages.slice(1).entries()) {
      const before = usages[index]
      const marked = (before?.cache_read_input_tokens ?? 0) + (before?.cache_creation_input_tokens ?? 0)
      expect(usage.cache_read_input_tokens).toBe(marked)
      expect(usage.cache_creation_input_tokens).toBeGreaterThan(0)
    }
  })

  it('reads nothing once the beginning differs', async () => {
    await walk()
    const reply = await client.messages.create({ ...marked('Walk through it'), system: `Another prompt. ${FILLER}` })
    expect(reply.usage.cache_read_input_tokens).toBe(0)
  })

  it('caches nothing below the smallest length', async () => {
    const short = { role: 'user' as const, content: [text('Walk through it', true)] }
    await client.messages.create({ ...request(''), messages: [short] })
    const { usage } = await client.messages.create({ ...request(''), messages: [short] })
    expect([usage.cache_read_input_tokens, usage.cache_creation_input_tokens]).toEqual([0, 0])
  })

  it('forgets an entry after its time', async () => {
    let nowMs = 0
    const aged = await startReplayModel({ port: 0, host: '127.0.0.1', apiKey, trajectories, log, nowMs: () => nowMs })
    const agedClient = new Anthropic({ apiKey, baseURL: aged.url, maxRetries: 0 })
    await agedClient.messages.create(marked('Walk through it'))
    nowMs += 5 * 60_000
    const { usage } = await agedClient.messages.create(marked('Walk through it'))
    expect(usage.cache_read_input_tokens).toBe(0)
    await aged.stop()
  })
})

describe('a request that the API would refuse', () => {
  const user = (content: string | Anthropic.ContentBlockParam[]): Anthropic.MessageParam => ({ role: 'user', content })
  const assistant = (...content: Anthropic.ContentBlockParam[]): Anthropic.MessageParam => ({
    role: 'assistant',
    content,
  })
  const call = (id: string): Anthropic.ToolUseBlockParam => ({
    type: 'tool_use',
    id,
    name: 'read',
    input: { path: 'a' },
  })
  const result = (id: string): Anthropic.ToolResultBlockParam => ({
    type: 'tool_result',
    tool_use_id: id,
    content: 'x',
  })
  const start = user('Walk through it')
  const schema = (properties: object, required: string[]) => [
    { name: 'read', input_schema: { type: 'object', properties, required } },
  ]

  const cases: readonly (readonly [title: string, change: Record<string, unknown>, rule: string, status?: number])[] = [
    ['has an unknown field', { tool: [] }, 'request-shape'],
    ['has no max_tokens', { max_tokens: undefined }, 'request-shape'],
    ['has no messages', { messages: [] }, 'request-shape'],
    ['names an unknown model', { model: 'claude-9' }, 'unknown-model', 404],
    ['asks for more output than there is', { max_tokens: 200_000 }, 'max-tokens'],
    ['sets the temperature', { temperature: 0 }, 'sampling'],
    ['sets top_p', { top_p: 0.5 }, 'sampling'],
    ['sets top_k', { top_k: 3 }, 'sampling'],
    ['gives a thinking budget', { thinking: { type: 'enabled', budget_tokens: 2000 } }, 'thinking-type'],
    ['turns thinking off', { thinking: { type: 'disabled' } }, 'thinking-type'],
    ['forces a tool', { tool_choice: { type: 'any' } }, 'forced-tool-choice'],
    ['chooses a tool without any', { tools: undefined, tool_choice: { type: 'auto' } }, 'tool-choice'],
    [
      'has five cache breakpoints',
      { messages: [user(Array.from({ length: 5 }, () => text('Walk through', true)))] },
      'cache-breakpoints',
    ],
    ['begins with the assistant', { messages: [assistant(text('hi')), start] }, 'first-role'],
    ['has two user messages in a row', { messages: [start, start] }, 'roles-alternate'],
    ['ends with the assistant', { messages: [start, assistant(text('I'))] }, 'prefill'],
    ['has an empty text block', { messages: [user([text('Walk through'), text('')])] }, 'empty-text'],
    ['has an empty message', { messages: [user([])] }, 'empty-content'],
    ['marks an empty system text', { system: [text('')] }, 'empty-text'],
    [
      'answers a call that was not made',
      { messages: [start, assistant(text('a')), user([result('t1')])] },
      'stray-tool-result',
    ],
    [
      'leaves a call unanswered',
      { messages: [start, assistant(call('t1'), call('t2')), user([result('t1')])] },
      'missing-tool-result',
    ],
    [
      'answers a call twice',
      { messages: [start, assistant(call('t1')), user([result('t1'), result('t1')])] },
      'duplicate-tool-result',
    ],
    [
      'puts text before a result',
      { messages: [start, assistant(call('t1')), user([text('so'), result('t1')])] },
      'tool-result-first',
    ],
    [
      'uses an id twice',
      { messages: [start, assistant(call('t1')), user([result('t1')]), assistant(call('t1')), user([result('t1')])] },
      'duplicate-tool-use',
    ],
    ['calls a tool as the user', { messages: [user([text('Walk through'), call('t1')])] }, 'block-role'],
    [
      'has a tool schema that is no object',
      { tools: [{ name: 'read', input_schema: { type: 'string' } }] },
      'request-shape',
    ],
    ['requires a property that its schema lacks', { tools: schema({}, ['path']) }, 'tool-schema'],
    ['has two tools of one name', { tools: [tools[0], tools[0]] }, 'tool-names'],
    [
      'has a tool name with a space',
      { tools: [{ name: 'read it', input_schema: { type: 'object' } }] },
      'request-shape',
    ],
  ]

  it.each(cases.map(([title, change, rule, status = 400]) => ({ title, change, rule, status })))(
    'is refused and noted when it $title',
    async ({ change, rule, status }) => {
      const body = { ...request('Walk through it'), ...change } as Anthropic.MessageCreateParamsNonStreaming
      const error = await failure(client.messages.create(body, { timeout: 5000 }))
      expect(error.status).toBe(status)
      expect(error.type).toBe(status === 404 ? 'not_found_error' : 'invalid_request_error')
      expect(model.violations()).toMatchObject([{ rule, status }])
      expect(model.requests()).toEqual([])
    },
  )

  it('is refused when its thinking comes back below another system prompt', async () => {
    const first = request('Walk through it')
    const reply = await client.messages.create(first)
    const next = { ...first, messages: [...first.messages, ...answerTo(reply)] }
    await client.messages.create(next)
    const error = await failure(client.messages.create({ ...next, system: 'Edited.' }))
    expect(error.message).toContain('bound to a different conversation')
    expect(model.violations()).toMatchObject([{ rule: 'thinking-signature' }])
  })

  it.each([
    ['no key', {}, 401, 'authentication_error'],
    ['a wrong key', { 'x-api-key': 'x', 'anthropic-version': '2026-10-21' }, 401, 'authentication_error'],
    ['no version', { 'x-api-key': apiKey }, 400, 'invalid_request_error'],
    [
      'a version that never was',
      { 'x-api-key': apiKey, 'anthropic-version': '2020-01-01' },
      400,
      'invalid_request_error',
    ],
  ])('is refused when it carries %s', async (_title, headers, status, type) => {
    const response = await post('/v1/messages', request('Walk through it'), headers)
    expect(response.status).toBe(status)
    expect(response.headers.get('request-id')).toMatch(/^req_/)
    expect(await response.json()).toMatchObject({ type: 'error', error: { type } })
    expect(model.violations()).toHaveLength(1)
  })

  it('is refused when its body is not JSON', async () => {
    const headers = { 'x-api-key': apiKey, 'anthropic-version': '2026-10-21', 'content-type': 'application/json' }
    const response = await fetch(`${model.url}/v1/messages`, { method: 'POST', headers, body: '{' })
    expect(response.status).toBe(400)
    expect(model.violations()).toMatchObject([{ rule: 'body' }])
  })
})

describe('a request that no recording fits', () => {
  it.each([
    ['an unknown plan', 'Something nobody recorded', 'no-trajectory', /walk, troubled.*Something nobody recorded/s],
    [
      'an opening that two recordings fit',
      'Strict? 7-review-8-0a1b2c3d and Answer feedback',
      'ambiguous-trajectory',
      /strict, answering/,
    ],
    ['tools the recording does not know', 'Other tools', 'unfit-call', /browse\W+, which the request does not offer/],
    ['a tool of another schema', 'Other input', 'unfit-call', /schema requires \W+path/],
    [
      'two values for one placeholder',
      'Answer feedback 7-review-8-0a1b2c3d 7-review-9-0a1b2c3d',
      'placeholder',
      /\{\{item\}\}/,
    ],
  ])('fails loudly for %s', async (_title, opening, rule, message) => {
    const error = await failure(client.messages.create(request(opening)))
    expect(error.status).toBe(400)
    expect(error.message).toMatch(message)
    expect(model.violations()).toMatchObject([{ rule }])
  })

  it('fails loudly when the tool results are not the recorded ones, and after the last turn', async () => {
    const params = request('Strict')
    const messages = [...params.messages, ...answerTo(await client.messages.create(params), 'nothing there')]
    const unexpected = await failure(client.messages.create({ ...params, messages }))
    expect(unexpected.message).toContain('nothing there')

    const good = [...params.messages, ...answerTo(await client.messages.create(params), 'found')]
    const last = await client.messages.create({ ...params, messages: good })
    const beyond = [
      ...good,
      { role: 'assistant' as const, content: [text(textOf(last))] },
      { role: 'user' as const, content: 'on' },
    ]
    await failure(client.messages.create({ ...params, messages: beyond }))
    expect(model.violations()).toMatchObject([{ rule: 'expectation' }, { rule: 'trajectory-ended' }])
  })
})

describe('faults', () => {
  it('come as recorded, so many times for one conversation, and then the reply', async () => {
    const params = request('Trouble')
    for (const _time of [1, 2]) {
      const error = await failure(client.messages.create(params))
      expect([error.status, error.type, error.headers?.get('retry-after')]).toEqual([529, 'overloaded_error', '3'])
    }
    await expect(client.messages.stream(params).finalMessage()).rejects.toThrow()
    expect(textOf(await client.messages.create(params))).toBe('At last.')
    expect(model.requests().map((entry) => entry.fault)).toEqual(['status 529', 'status 529', 'cut', undefined])
    expect(model.violations()).toEqual([])
  })

  it('can be ordered from this machine for the next requests', async () => {
    expect((await post('/_replay/faults', { status: 429, times: 1, retryAfterSeconds: 1 })).status).toBe(202)
    expect((await post('/_replay/faults', { streamError: 'overloaded_error' })).status).toBe(202)
    expect((await post('/_replay/faults', { delayMs: 300 })).status).toBe(202)
    expect((await post('/_replay/faults', { status: 200 })).status).toBe(400)

    expect((await failure(client.messages.create(request('Walk through it')))).type).toBe('rate_limit_error')
    await expect(client.messages.stream(request('Walk through it')).finalMessage()).rejects.toThrow('overloaded_error')
    const startedMs = Date.now()
    await client.messages.create(request('Walk through it'))
    expect(Date.now() - startedMs).toBeGreaterThanOrEqual(290)
  })

  it('can be silence until the client gives up', async () => {
    model.orderFault({ silent: true, times: 1 })
    await expect(client.messages.create(request('Walk through it'), { timeout: 200 })).rejects.toThrow(/timed out/i)
  })

  it('can cut a reply that is no stream', async () => {
    model.orderFault({ cut: true, times: 1 })
    await expect(client.messages.create(request('Walk through it'))).rejects.toThrow()
  })

  it('leaves no trace in the cache when the reply did not come', async () => {
    model.orderFault({ status: 500, times: 1 })
    await failure(client.messages.create(marked('Walk through it')))
    const { usage } = await client.messages.create(marked('Walk through it'))
    expect(usage.cache_read_input_tokens).toBe(0)
  })
})

describe('the operator routes', () => {
  it('show requests and violations', async () => {
    await client.messages.create(request('Walk through it'))
    await failure(client.messages.create(request('Unknown')))
    expect(await (await fetch(`${model.url}/_replay/requests`)).json()).toMatchObject([{ trajectory: 'walk' }])
    expect(await (await fetch(`${model.url}/_replay/violations`)).json()).toMatchObject([{ rule: 'no-trajectory' }])
  })
})

const FILLER = 'A long and steady text that is worth caching. '.repeat(120)

function text(content: string, marked = false): Anthropic.TextBlockParam {
  return { type: 'text', text: content, ...(marked ? { cache_control: { type: 'ephemeral' } } : {}) }
}

function request(opening: string): Anthropic.MessageCreateParamsNonStreaming {
  return {
    model: MODEL,
    max_tokens: 4096,
    system: 'You write code.',
    tools,
    messages: [{ role: 'user', content: opening }],
  }
}

function marked(opening: string): Anthropic.MessageCreateParamsNonStreaming {
  const system = [text(`You write code. ${FILLER}`, true)]
  return { ...request(opening), system, messages: [{ role: 'user', content: [text(opening, true)] }] }
}

/** Five turns, with a breakpoint on the system prompt and on the newest user message. */
async function walk(): Promise<Anthropic.Usage[]> {
  const usages: Anthropic.Usage[] = []
  const { messages: opening, ...rest } = marked('Walk through it')
  let history: Anthropic.MessageParam[] = opening
  for (let turn = 1; turn <= 5; turn += 1) {
    const reply = await client.messages.create({ ...rest, messages: history })
    usages.push(reply.usage)
    const unmarked = history.map(withoutMarks)
    history = [...unmarked, ...answerTo(reply, 'a result', true)]
  }
  return usages
}

function withoutMarks(message: Anthropic.MessageParam): Anthropic.MessageParam {
  const text = JSON.stringify(message, (key, value: unknown) => (key === 'cache_control' ? undefined : value))
  return JSON.parse(text) as Anthropic.MessageParam
}

function answerTo(reply: Anthropic.Message, content = 'x', mark = false): Anthropic.MessageParam[] {
  const calls = reply.content.filter((block) => block.type === 'tool_use')
  const results = calls.map(
    (call, index): Anthropic.ToolResultBlockParam => ({
      type: 'tool_result',
      tool_use_id: call.id,
      content,
      ...(mark && index === calls.length - 1 ? { cache_control: { type: 'ephemeral' } } : {}),
    }),
  )
  return [
    { role: 'assistant', content: reply.content as Anthropic.ContentBlockParam[] },
    { role: 'user', content: results },
  ]
}

function textOf(reply: Anthropic.Message): string {
  return reply.content.map((block) => (block.type === 'text' ? block.text : '')).join('')
}

async function failure(promise: Promise<unknown>): Promise<InstanceType<typeof Anthropic.APIError>> {
  try {
    await promise
  } catch (error) {
    if (error instanceof Anthropic.APIError) return error
    throw error
  }
  throw new Error('expected the request to be refused')
}

function post(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  const init = {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  }
  return fetch(`${model.url}${path}`, init)
}
