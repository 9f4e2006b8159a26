import Anthropic from '@anthropic-ai/sdk'
import { createLogger } from '@devbot/config'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type ReplayModel, startReplayModel } from './start-replay-model.ts'
import type { Fault, TrajectoryInput } from './trajectory.ts'

const apiKey = 'key-of-the-replay-model'
const SYSTEM = 'You write code.\n\nREAD_FILE <path>\nWRITE_FILE <path>\n<<<<\n>>>>\n'
const call = (tool: string, input: Record<string, unknown>) => [{ tool, input }]
const one = (name: string, turn: TrajectoryInput['turns'][number]): TrajectoryInput => ({
  name,
  match: `play ${name}.`,
  turns: [turn],
})

const trajectories: TrajectoryInput[] = [
  {
    name: 'walk',
    match: 'play walk.',
    turns: [
      { thinking: 'Hm.', text: 'I look.', calls: call('read', { path: 'a b.ts' }) },
      { expect: '^BEGIN result.*one', calls: call('write', { path: 'b.ts', content: '>>>>\n<<<<<\n' }) },
      { calls: call('shell', { command: 'cd a\nls' }) },
      { text: 'RUN one\nRUN two' },
      {
        calls: call('finish', {
          title: 'It',
          summary: 'Words.',
          feedback: [{ item: '7-a', decision: 'done', reply: 'Yes.' }],
        }),
      },
    ],
  },
  one('edit', { calls: call('edit', { path: 'a' }) }),
  one('glob', { calls: call('list', { path: '.', glob: '*' }) }),
  one('two', { calls: [...call('list', {}), ...call('list', {})] }),
  one('no-end', { calls: call('write', { path: 'a', content: 'x' }) }),
  one('faulty', { text: 'x'.repeat(500) }),
]

let model: ReplayModel
let client: Anthropic
beforeAll(async () => {
  const log = createLogger({ service: 'test', level: 'silent', secrets: [] })
  model = await startReplayModel({ port: 0, host: '127.0.0.1', apiKey, trajectories, log })
  client = new Anthropic({ apiKey, baseURL: model.url, maxRetries: 0 })
})
afterAll(() => model.stop())

const params = (messages: Anthropic.MessageParam[], more: object = {}): Anthropic.MessageCreateParamsNonStreaming => ({
  model: 'claude-sonnet-5-5',
  max_tokens: 4096,
  system: SYSTEM,
  messages,
  ...more,
})
const user = (content: Anthropic.MessageParam['content']): Anthropic.MessageParam => ({ role: 'user', content })

describe('a request without tools that offers line commands', () => {
  it('gets the recorded calls as commands, one after the other', async () => {
    const messages = [user('play walk.')]
    const said: string[] = []
    for (const result of ['BEGIN result one', 'ok', 'ok', 'ok', 'ok']) {
      const reply = await client.messages.create(params(messages))
      expect(reply.stop_reason).toBe('end_turn')
      said.push(reply.content.map((block) => (block.type === 'text' ? block.text : '')).join(''))
      messages.push({ role: 'assistant', content: reply.content as Anthropic.ContentBlockParam[] }, user(result))
    }
    expect(said).toEqual([
      'I look.\n\nREAD_FILE a b.ts',
      'WRITE_FILE b.ts\n<<<<<<\n>>>>\n<<<<<\n>>>>>>',
      'RUN\n<<<<\ncd a\nls\n>>>>',
      'RUN one\nRUN two',
      'DONE It\n<<<<\nWords.\nITEM 7-a done: Yes.\n>>>>',
    ])
  })

  it.each([
    ['edit', /no command for the tool \\"edit\\"/],
    ['glob', /no place for \\"glob\\"/],
    ['two', /one command, and this turn has 2/],
    ['no-end', /without a line end/],
  ])('fails loudly where a call has no such form (%s)', async (name, problem) => {
    await expect(client.messages.create(params([user(`play ${name}.`)]))).rejects.toThrow(problem)
  })

  it('is refused with blocks of tools in it, as the API refuses it', async () => {
    const messages = [
      user('play walk.'),
      { role: 'assistant' as const, content: [{ type: 'tool_use' as const, id: 't', name: 'read', input: {} }] },
      user([{ type: 'tool_result', tool_use_id: 't', content: 'x' }]),
    ]
    await expect(client.messages.create(params(messages))).rejects.toThrow(/must define tools/)
  })

  it('gets no commands without the words of the protocol in its system prompt', async () => {
    const asked = client.messages.create(params([user('play edit.')], { system: 'You write code.' }))
    await expect(asked).rejects.toThrow(/which the request does not offer/)
  })
})

describe('thinking that is turned off', () => {
  it.each([
    ['claude-sonnet-5-5', 'between_tools', 'high', true],
    ['claude-sonnet-5-5', 'between_tools', 'max', false],
    ['claude-haiku-5-5', 'disabled', 'xhigh', false],
    ['claude-opus-5-5', 'disabled', 'low', false],
  ])('on %s with %s at effort %s: taken is %s', async (name, type, effort, taken) => {
    const body = params([user('play faulty.')], { model: name, thinking: { type }, output_config: { effort } })
    const asked = client.messages.create(body).then(
      () => true,
      () => false,
    )
    expect(await asked).toBe(taken)
  })
})

describe('faults', () => {
  const order = (fault: Partial<Record<string, unknown>>) => model.orderFault({ times: 1, ...fault } as Fault)
  const ask = () => client.messages.stream(params([user('play faulty.')])).finalMessage()
  const error = async () => {
    const thrown: unknown = await ask().catch((caught: unknown) => caught)
    return thrown instanceof Anthropic.APIError ? thrown : undefined
  }
  afterEach(() => ask())

  it('carry the type and code that are asked for', async () => {
    order({ status: 429, errorCode: 'enforced_spend_limit_reached' })
    expect(await error()).toMatchObject({ type: 'rate_limit_error', errorCode: 'enforced_spend_limit_reached' })
    order({ status: 400, errorType: 'billing_error' })
    expect(await error()).toMatchObject({ status: 400, type: 'billing_error' })
    order({ status: 402 })
    expect(await error()).toMatchObject({ type: 'billing_error' })
  })

  it('name a wait in milliseconds or as a date', async () => {
    order({ status: 429, retryAfterMs: 250 })
    expect((await error())?.headers?.get('retry-after-ms')).toBe('250')
    order({ status: 529, retryAfterDateSeconds: 60 })
    expect((await error())?.headers?.get('retry-after')).toMatch(/ GMT$/)
  })

  it('can be a page that is no JSON', async () => {
    order({ status: 502, page: true })
    expect(await error()).toMatchObject({ status: 502, type: null })
  })

  it.each([{ cut: 0 }, { cut: 3 }, { endAfter: 4 }, { garbled: true }])('can break a stream: %j', async (fault) => {
    order(fault)
    await expect(ask()).rejects.toThrow()
  })

  it('wait for a request for their model', async () => {
    order({ status: 529, model: 'claude-haiku-5-5' })
    expect((await ask()).stop_reason).toBe('end_turn')
    const other = client.messages.create(params([user('play faulty.')], { model: 'claude-haiku-5-5' }))
    await expect(other).rejects.toMatchObject({ status: 529 })
  })
})
