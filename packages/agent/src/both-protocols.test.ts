import type { ExecOptions, RunKind } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { createTools } from './create-tools.ts'
import type { ModelBlock, ModelRequest } from './model-client.ts'
import { nativeProtocol } from './native-protocol.ts'
import { CLAIM, conversationProblem, EMPTY_WORKSPACE, runScript, WIDE_LIMITS } from './testing/loop-harness.ts'
import { text, toolUse } from './testing/scripted-model.ts'
import { createTextProtocol } from './text-protocol.ts'
import type { ToolProtocol } from './tool-protocol.ts'

type Form = {
  readonly protocol: (runKind: RunKind) => ToolProtocol
  readonly shell: (command: string) => ModelBlock
  readonly write: (path: string, content: string) => ModelBlock
  readonly read: (path: string) => ModelBlock
  readonly list: (path: string) => ModelBlock
  readonly finish: (feedback?: readonly { item: string; decision: string; reply: string }[]) => ModelBlock
}

const native: Form = {
  protocol: () => nativeProtocol,
  shell: (command) => toolUse('shell', { command }),
  write: (path, content) => toolUse('write', { path, content }),
  read: (path) => toolUse('read', { path }),
  list: (path) => toolUse('list', { path }),
  finish: (feedback) => toolUse('finish', { ...CLAIM, ...(feedback === undefined ? {} : { feedback }) }),
}
const inText: Form = {
  protocol: (runKind) => createTextProtocol({ delimiter: 'mark', runKind }),
  shell: (command) => text(`RUN ${command}`),
  write: (path, content) => text(`WRITE_FILE ${path}\n<<<<\n${content}>>>>`),
  read: (path) => text(`READ_FILE ${path}`),
  list: (path) => text(`LIST_FILES ${path}`),
  finish: (feedback = []) => {
    const items = feedback.map(({ item, decision, reply }) => `ITEM ${item} ${decision}: ${reply}\n`).join('')
    return text(`DONE ${CLAIM.title}\n<<<<\n${CLAIM.summary}\n${items}>>>>`)
  },
}

describe.each([
  ['native', native],
  ['text', inText],
] as const)('runAgent in the %s protocol', (name, form) => {
  const run = (replies: Parameters<typeof runScript>[0], options: Parameters<typeof runScript>[1] = {}) =>
    runScript(replies, { protocol: form.protocol('implement'), ...options })
  const says = (...content: ModelBlock[]) => ({ content })
  const lastTexts = (request: ModelRequest | undefined) =>
    (request?.messages.at(-1)?.content ?? [])
      .map((block) => (block.type === 'tool_result' || block.type === 'text' ? block.text : ''))
      .join('\n')

  it('works with every tool and ends as finished with the claim', async () => {
    const did: string[] = []
    const workspace = async () => ({
      ...EMPTY_WORKSPACE,
      exec: async (command: string, options: ExecOptions) => {
        did.push(command.includes('find ') ? 'list' : command)
        return EMPTY_WORKSPACE.exec(command, options)
      },
      readFile: async (path: string) => {
        did.push(`read ${path}`)
        return { kind: 'file' as const, bytes: Buffer.from('one\n'), totalBytes: 4 }
      },
      writeFile: async (path: string, bytes: Uint8Array) => {
        did.push(`write ${path} ${Buffer.from(bytes).toString()}`)
        return { kind: 'written' as const }
      },
    })
    const result = await run(
      [
        says(form.list('src')),
        says(form.read('src/a.ts')),
        says(form.write('b.txt', 'two\n')),
        says(form.shell('npm test')),
        says(form.finish()),
      ],
      { workspace },
    )
    expect(result.ending).toMatchObject({ kind: 'finished', claim: { ...CLAIM, feedback: [] } })
    expect(did).toEqual(['list', 'read src/a.ts', 'write b.txt two\n', 'npm test'])
    expect(result.steps.map((step) => step.kind)).toEqual(Array.from({ length: 5 }, () => ['reply', 'result']).flat())
    expect(lastTexts(result.requests[2])).toContain('1\tone')
  })

  it('carries the answers to feedback in a revise run', async () => {
    const feedback = [{ item: '1-review-2-abcdef01', decision: 'done', reply: 'Renamed.' }]
    const result = await run([says(form.finish(feedback))], {
      protocol: form.protocol('revise'),
      tools: createTools('revise'),
    })
    expect(result.ending).toMatchObject({ kind: 'finished', claim: { feedback } })
  })

  it('goes on after a rejected claim with the reason', async () => {
    const result = await run([says(form.finish()), says(form.shell('ls')), says(form.finish())], {
      verdicts: [{ kind: 'rejected', message: 'The tests fail.' }, { kind: 'accepted' }],
    })
    expect(result.ending.kind).toBe('finished')
    expect(lastTexts(result.requests[1])).toContain('The tests fail.')
  })

  it('sends valid requests that only ever grow, the system prompt and the tools unchanged', async () => {
    const { requests } = await run([
      says(form.shell('a')),
      says(text('Hm.')),
      says(form.shell('b')),
      says(form.finish()),
    ])
    requests.slice(1).forEach((request, index) => {
      const before = requests[index]
      expect(request.messages.slice(0, before?.messages.length)).toEqual(before?.messages)
      expect([request.system, request.tools]).toEqual([before?.system, before?.tools])
      expect(conversationProblem(request.messages)).toBeUndefined()
    })
    const types = new Set(
      requests.flatMap(({ messages }) => messages.flatMap(({ content }) => content.map((b) => b.type))),
    )
    expect([...types].sort()).toEqual(name === 'text' ? ['text'] : ['text', 'tool_result', 'tool_use'])
    expect(requests[0]?.tools.length).toBe(name === 'text' ? 0 : 8)
  })

  it('carries out nothing of a reply that was cut off, and says so', async () => {
    const written: string[] = []
    const workspace = async () => ({
      ...EMPTY_WORKSPACE,
      writeFile: async (path: string) => {
        written.push(path)
        return { kind: 'written' as const }
      },
    })
    const cut = { ...says(form.write('a', 'x\n')), stopReason: 'max_tokens' }
    const result = await run([cut, says(form.finish())], { workspace })
    expect(written).toEqual([])
    expect(lastTexts(result.requests[1])).toMatch(/cut off/)
  })

  it('gives up at the second reply in a row without a call, after a word on what is expected', async () => {
    const result = await run([says(text('Hm.')), says(text('Hm.'))])
    expect(result.ending).toMatchObject({ kind: 'gave-up', reason: expect.stringContaining('without a tool call') })
    expect(lastTexts(result.requests[1])).toMatch(name === 'text' ? /first line of a reply/ : /made no tool call/)
  })

  it('gives up after the same call with the same result three times in a row', async () => {
    const result = await run(Array.from({ length: 5 }, () => says(form.shell('npm test'))))
    expect(result.ending.kind).toBe('gave-up')
    expect(result.requests).toHaveLength(3)
  })

  it.each([
    ['turns', { maxTurns: 2 }, 2],
    ['cost', { maxCostMicroUsd: 1 }, undefined],
    ['cost-per-day', { maxCostPerDayMicroUsd: 1 }, undefined],
  ] as const)('stops at the limit of %s', async (limit, limits, requests) => {
    const result = await run(
      Array.from({ length: 5 }, (_, turn) => says(form.shell(`step ${turn}`))),
      { limits: { ...WIDE_LIMITS, ...limits } },
    )
    expect(result.ending).toMatchObject({ kind: 'limit-reached', limit })
    if (requests !== undefined) expect(result.requests).toHaveLength(requests)
  })

  it('ends at a refusal without carrying anything out', async () => {
    const result = await run([{ ...says(form.shell('rm -r src')), stopReason: 'refusal' }])
    expect(result.ending.kind).toBe('gave-up')
    expect(result.events.filter((event) => event.kind === 'tool-call')).toEqual([])
  })

  it('hands notes on that arrived meanwhile', async () => {
    const waiting = [[], [{ about: 'plan', text: 'The plan changed.' }], []]
    const result = await run([says(form.shell('ls')), says(form.finish())], {
      drainNotes: async () => waiting.shift() ?? [],
    })
    expect(lastTexts(result.requests[1])).toContain('The plan changed.')
  })

  it('hands thinking back as it came', async () => {
    const thinking = { type: 'thinking', thinking: '', signature: 'sig==' } as const
    const result = await run([says(thinking, form.shell('ls')), says(form.finish())])
    expect(result.requests[1]?.messages[1]?.content[0]).toEqual(thinking)
  })
})
