import { DevBotError, type ErrorCode } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { createFallbackModel, type ModelSwitch } from './fallback-model.ts'
import type { FailedAttempt, ModelBlock, ModelClient, ModelMessage, ModelRequest } from './model-client.ts'

const USAGE = { inputTokens: 1, outputTokens: 1, requestBytes: 1, maxOutputTokens: 1 }
const thought = (signature: string, model?: string): ModelBlock => ({
  type: 'thinking',
  thinking: '',
  signature,
  ...(model === undefined ? {} : { model }),
})
const call: ModelBlock = { type: 'tool_use', id: 't', name: 'shell', input: {} }
const user: ModelMessage = { role: 'user', content: [{ type: 'text', text: 'Hi' }] }
const failure = (code: ErrorCode) => new DevBotError({ category: 'transient', code, message: 'm' })

/** A model that gives these answers in order; an error is thrown, after an attempt that used something. */
function scripted(model: string, answers: readonly (readonly ModelBlock[] | DevBotError)[]) {
  const asked: ModelRequest[] = []
  const client: ModelClient = {
    model,
    maxOutputTokens: model === 'first' ? 32_000 : 16_000,
    async ask(request) {
      asked.push(request)
      const answer = answers[asked.length - 1] ?? failure('script-ended')
      if (!(answer instanceof DevBotError)) return { content: answer, stopReason: 'end_turn', usage: USAGE }
      await request.onFailedAttempt?.({ code: answer.code, usage: USAGE })
      throw answer
    },
  }
  return { client, asked }
}

function pair(first: ReturnType<typeof scripted>, second: ReturnType<typeof scripted>) {
  const switches: ModelSwitch[] = []
  const failed: FailedAttempt[] = []
  const model = createFallbackModel(first.client, second.client, (change) => switches.push(change))
  const ask = (messages: readonly ModelMessage[] = [user], signal = new AbortController().signal) =>
    model.ask({ system: 's', tools: [], messages, signal, onFailedAttempt: (attempt) => void failed.push(attempt) })
  return { model, ask, switches, failed }
}

describe('createFallbackModel', () => {
  it.each([
    'model-overloaded',
    'model-failed',
    'model-rate-limited',
    'model-stream-broken',
    'model-stream-silent',
  ] as const)('asks the second model after %s, and stays with it', async (code) => {
    const first = scripted('first', [failure(code)])
    const second = scripted('second', [[{ type: 'text', text: 'a' }], [{ type: 'text', text: 'b' }]])
    const { model, ask, switches, failed } = pair(first, second)
    expect([model.model, model.maxOutputTokens]).toEqual(['first', 16_000])
    expect((await ask()).usage.model).toBe('second')
    await ask()
    expect([first.asked.length, second.asked.length]).toEqual([1, 2])
    expect(switches).toEqual([{ from: 'first', to: 'second', code }])
    expect(model.model).toBe('second')
    // Told as tried again, so that whoever pays sets money aside for the second model's reply.
    expect(failed).toMatchObject([{ code, retryInMs: 0, usage: { model: 'first' } }])
  })

  it.each([
    'model-key-refused',
    'model-spend-limit',
    'model-request-refused',
    'model-request-too-long',
    'model-unreachable',
    'model-not-found',
  ] as const)('does not hide %s behind the second model', async (code) => {
    const second = scripted('second', [])
    const { ask, switches, failed } = pair(scripted('first', [failure(code)]), second)
    await expect(ask()).rejects.toMatchObject({ code })
    expect(failed[0]).not.toHaveProperty('retryInMs')
    expect([second.asked.length, switches.length]).toEqual([0, 0])
  })

  it('does not ask the second model for a run that was cancelled', async () => {
    const second = scripted('second', [])
    const { ask } = pair(scripted('first', [failure('model-overloaded')]), second)
    await expect(ask([user], AbortSignal.abort())).rejects.toThrow()
    expect(second.asked).toHaveLength(0)
  })

  it("gives the second model's error when neither can be had", async () => {
    const second = scripted('second', [failure('model-rate-limited')])
    const { ask } = pair(scripted('first', [failure('model-overloaded')]), second)
    await expect(ask()).rejects.toMatchObject({ code: 'model-rate-limited' })
  })

  it('sends each model only its own thinking, and no empty message', async () => {
    const first = scripted('first', [failure('model-overloaded')])
    const second = scripted('second', [[thought('s2'), call], [call]])
    const { ask } = pair(first, second)
    const before: ModelMessage[] = [user, { role: 'assistant', content: [thought('s1'), call] }, user]
    const onlyThought: ModelMessage[] = [{ role: 'assistant', content: [thought('s0')] }, user]
    const reply = await ask([...before, ...onlyThought])
    expect(reply.content).toEqual([thought('s2', 'second'), call])
    await ask([...before, ...onlyThought, { role: 'assistant', content: reply.content }, user])
    expect(first.asked[0]?.messages[1]?.content[0]).toEqual(thought('s1'))
    expect(second.asked[1]?.messages.filter(({ role }) => role === 'assistant').map(({ content }) => content)).toEqual([
      [call],
      [{ type: 'text', text: '(nothing)' }],
      [thought('s2', 'second'), call],
    ])
    // What the second model was sent when it thought is what it is sent before that thought later.
    const sentThen = second.asked[0]?.messages ?? []
    expect(second.asked[1]?.messages.slice(0, sentThen.length)).toEqual(sentThen)
  })
})
