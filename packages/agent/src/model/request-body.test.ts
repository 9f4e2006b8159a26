import { describe, expect, it } from 'vitest'
import type { ModelMessage } from '../model-client.ts'
import { requestBody } from './request-body.ts'

const OPTIONS = { model: 'claude-sonnet-5-5', maxOutputTokens: 1000 }
const TOOL = { name: 'shell', description: 'Runs.', inputSchema: { type: 'object' as const } }

/** A conversation of so many turns, each with one call and a result. */
function conversation(turns: number): ModelMessage[] {
  const messages: ModelMessage[] = [{ role: 'user', content: [{ type: 'text', text: 'Plan. '.repeat(500) }] }]
  for (let turn = 1; turn <= turns; turn += 1) {
    messages.push(
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'Hm.', signature: `s${turn}` },
          { type: 'tool_use', id: `t${turn}`, name: 'shell', input: { command: `ls ${turn}` } },
        ],
      },
      {
        role: 'user',
        content: [{ type: 'tool_result', toolUseId: `t${turn}`, text: `result ${turn} `.repeat(60), isError: false }],
      },
    )
  }
  return messages
}

const bodyFor = (turns: number) =>
  requestBody({ system: 'You are DevBot.', tools: [TOOL], messages: conversation(turns) }, OPTIONS)
const withoutMarks = (value: unknown) =>
  JSON.stringify(value, (key, inner) => (key === 'cache_control' ? undefined : inner))
const marksIn = (value: unknown) => JSON.stringify(value).split('"cache_control"').length - 1

describe('requestBody', () => {
  it('marks the system prompt and the last block of the two newest user messages for the cache', () => {
    const body = bodyFor(5)
    expect(marksIn(body)).toBe(3)
    expect(marksIn(body.system)).toBe(1)
    expect(body.messages.map((message) => marksIn(message))).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1])
  })

  it('marks a first request too', () => {
    expect(marksIn(bodyFor(0))).toBe(2)
  })

  it('changes nothing before the newest messages from one request to the next, but for the marks', () => {
    const before = bodyFor(4)
    const after = bodyFor(5)
    expect(withoutMarks(after.messages.slice(0, before.messages.length))).toBe(withoutMarks(before.messages))
    expect(withoutMarks([after.tools, after.system])).toBe(withoutMarks([before.tools, before.system]))
  })

  it('lets over 93 % of the input of a 30-turn run be read from the cache', () => {
    let read = 0
    let all = 0
    for (let turn = 0; turn < 30; turn += 1) {
      const size = (turns: number) => withoutMarks(bodyFor(turns)).length
      all += size(turn)
      // What the request before wrote up to its newest mark, which is its end, is what this one reads.
      if (turn > 0) read += size(turn - 1)
    }
    expect(read / all).toBeGreaterThan(0.93)
  })

  it('sends no sampling parameter and no thinking budget, and effort only when it is set', () => {
    expect(Object.keys(bodyFor(0)).sort()).toEqual(['max_tokens', 'messages', 'model', 'stream', 'system', 'tools'])
    const request = { system: 's', tools: [], messages: conversation(0) }
    expect(requestBody(request, { ...OPTIONS, effort: 'low' }).output_config).toEqual({ effort: 'low' })
  })

  it.each([
    ['claude-sonnet-5-5', { thinking: { type: 'between_tools' }, output_config: { effort: 'low' } }],
    ['claude-haiku-5-5', { thinking: { type: 'disabled' }, output_config: { effort: 'low' } }],
    ['some-gateway/model', { thinking: { type: 'disabled' }, output_config: { effort: 'low' } }],
    ['claude-opus-5-5', { output_config: { effort: 'low' } }],
    ['claude-haiku-4-5-20251001', {}],
  ])('turns thinking off and sets effort as far as %s allows', (model, expected) => {
    const request = { system: 's', tools: [], messages: conversation(0) }
    const body = requestBody(request, { ...OPTIONS, model, effort: 'low', thinking: 'off' })
    const { thinking, output_config } = body
    expect({ ...(thinking && { thinking }), ...(output_config && { output_config }) }).toEqual(expected)
  })

  it('sends no tools where there are none', () => {
    expect(requestBody({ system: 's', tools: [], messages: conversation(0) }, OPTIONS)).not.toHaveProperty('tools')
  })
})
