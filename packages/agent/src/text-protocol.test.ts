import { describe, expect, it } from 'vitest'
import { createTools, offersOf } from './create-tools.ts'
import type { ModelBlock, ModelReply } from './model-client.ts'
import { systemPromptFor } from './prompt-messages.ts'
import { createTextProtocol } from './text-protocol.ts'
import type { ToolCall } from './tool-protocol.ts'

const MARK = 'mark-7f3a'
const USAGE = { requestBytes: 1, maxOutputTokens: 1 }
const protocolFor = (runKind: 'implement' | 'revise') => createTextProtocol({ delimiter: MARK, runKind })
const replyOf = (content: readonly ModelBlock[], stopReason = 'end_turn'): ModelReply => ({
  content,
  stopReason,
  usage: USAGE,
})
const textReply = (text: string, stopReason?: string) => replyOf([{ type: 'text', text }], stopReason)
const read = (text: string, runKind: 'implement' | 'revise' = 'implement', stopReason?: string) =>
  protocolFor(runKind).read(textReply(text, stopReason), 3, new Set()).calls[0]

describe('createTextProtocol', () => {
  it.each<[string, Partial<ToolCall>]>([
    ['READ_FILE src/a.ts', { name: 'read', input: { path: 'src/a.ts' } }],
    ['LIST_FILES', { name: 'list', input: { path: '.' } }],
    ['LIST_FILES src', { name: 'list', input: { path: 'src' } }],
    ['RUN npm test -- --watch=false', { name: 'shell', input: { command: 'npm test -- --watch=false' } }],
    ['RUN\n<<<<\ncd a\nls\n>>>>', { name: 'shell', input: { command: 'cd a\nls\n' } }],
    ['WRITE_FILE a.txt\n<<<<\nx\n>>>>', { name: 'write', input: { path: 'a.txt', content: 'x\n' } }],
    ['DONE It\n<<<<\nAll of it.\n>>>>', { name: 'finish', input: { title: 'It', summary: 'All of it.' } }],
  ])('reads %j as a call of our tools', (text, call) => {
    expect(read(text)).toEqual({ id: 'text_3', ...call })
  })

  it.each([
    ['READ_FILE', /needs a path/],
    ['WRITE_FILE\n<<<<\nx\n>>>>', /needs a path/],
    ['WRITE_FILE a.txt', /content must follow/],
    ['WRITE_FILE a.txt\n```\nx\n```', /content must follow/],
    ['WRITE_FILE a.txt\n<<<<\nx', /no end/],
    ['RUN', /needs a command/],
    ['RUN\n<<<<\n\n>>>>', /needs a command/],
    ['RUN ls\n<<<<\nls\n>>>>', /give one of them/],
    ['DONE\n<<<<\nx\n>>>>', /needs a title/],
    ['DONE It', /description must follow/],
  ])('carries out nothing of %j and says why', (text, refusal) => {
    expect(read(text)?.refusal).toMatch(refusal)
  })

  it.each(['WRITE_FILE a\n<<<<\nx\n>>>>', 'RUN rm -rf build/tm', 'READ_FILE a', 'DONE a\n<<<<\nx\n>>>>'])(
    'carries out nothing of %j when the reply was cut off',
    (text) => {
      expect(read(text, 'implement', 'max_tokens')?.refusal).toMatch(/cut off/)
      expect(read(text, 'implement', 'length')?.refusal).toMatch(/cut off/)
    },
  )

  it('tells of the commands that were left out, beside the result of the first', () => {
    const call = read('RUN a\nRUN b\nDONE c')
    if (call === undefined) throw new Error('expected a call')
    const { content } = protocolFor('implement').answer([{ call, isError: false, text: 'ok' }], [])
    expect(content).toEqual([
      {
        type: 'text',
        text: `BEGIN result of RUN ${MARK}\nok\nEND result of RUN ${MARK}\nOnly RUN, the first command of your reply, was carried out; after it came RUN, DONE. Send them one by one.`,
      },
    ])
  })

  it('reads the answers to feedback out of DONE, with replies over several lines', () => {
    const done =
      'DONE It\n<<<<\nTwo lines\nof words.\nITEM 7-a done: Renamed.\nAnd more.\nITEM 7-b Declined:\nNo.\n>>>>'
    expect(read(done, 'revise')?.input).toEqual({
      title: 'It',
      summary: 'Two lines\nof words.',
      feedback: [
        { item: '7-a', decision: 'done', reply: 'Renamed.\nAnd more.' },
        { item: '7-b', decision: 'declined', reply: 'No.' },
      ],
    })
    expect(read(done, 'implement')?.input).toMatchObject({ summary: expect.stringContaining('ITEM 7-b') })
  })

  it.each(['ITEM 7-a fixed: x', 'ITEM 7-a done', 'ITEM done: x', 'ITEM'])(
    'refuses the answer %j with its form',
    (line) => {
      const refusal = read(`DONE It\n<<<<\nx\n${line}\n>>>>`, 'revise')?.refusal
      expect(refusal).toContain(line)
      expect(refusal).toContain('ITEM <id> done|clarified|declined: <reply>')
    },
  )

  it('makes a claim of DONE that the finish tool takes', () => {
    const { finish } = createTools('revise')
    const call = read('DONE It\n<<<<\nWords.\nITEM 7-a clarified: Because.\n>>>>', 'revise')
    expect(finish.readClaim(call?.input)).toMatchObject({ kind: 'claim', claim: { feedback: [{ item: '7-a' }] } })
  })

  it('keeps thinking as it came, and drops empty text and tool use that nobody offered', () => {
    const thinking = { type: 'thinking', thinking: '', signature: 's' } as const
    const { message, calls } = protocolFor('implement').read(
      replyOf([
        thinking,
        { type: 'text', text: ' ' },
        { type: 'tool_use', id: 't', name: 'shell', input: { command: 'ls' } },
        { type: 'text', text: 'READ_FILE a' },
      ]),
      1,
      new Set(['text_1']),
    )
    expect(message.content).toEqual([thinking, { type: 'text', text: 'READ_FILE a' }])
    expect(calls).toMatchObject([{ id: 'text_1_', name: 'read' }])
  })

  it('puts something into a reply that has no words', () => {
    const { message, calls } = protocolFor('implement').read(replyOf([]), 1, new Set())
    expect(message.content).toEqual([{ type: 'text', text: '(nothing)' }])
    expect(calls).toEqual([])
  })

  it.each(['implement', 'revise'] as const)(
    'offers no tools, and all in under 2,000 tokens (bytes / 4), in %s',
    (kind) => {
      const { tools, systemText } = protocolFor(kind).offer(offersOf(createTools(kind)))
      expect(tools).toEqual([])
      expect(systemText.includes('ITEM <id> done')).toBe(kind === 'revise')
      const prompt = `${systemPromptFor({ runKind: kind, delimiter: 'x'.repeat(32) })}${systemText}`
      expect(Buffer.byteLength(prompt) / 4).toBeLessThan(2_000)
    },
  )
})
