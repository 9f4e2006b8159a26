import { DevBotError, type ExecResult } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import type { ModelClient, ModelMessage, ModelRequest } from './model-client.ts'
import { implementMessage } from './prompt-messages.ts'
import { CLAIM, createPurse, DELIMITER, EMPTY_WORKSPACE, runScript, WIDE_LIMITS } from './testing/loop-harness.ts'
import { text, toolUse } from './testing/scripted-model.ts'
import { createStrictModel, thinking } from './testing/strict-model.ts'
import { createTextProtocol } from './text-protocol.ts'

const PLAN = '# Durations\n\nParse "1h 30m".\n\nKeep this line of the plan: äöü <<<verbatim>>>'
const CRITERION = 'parses 90 minutes'
const FIRST = implementMessage({
  delimiter: DELIMITER,
  planText: PLAN,
  title: 'Durations',
  overview: 'src/\ntest/',
  acceptance: [{ criterion: CRITERION, command: 'npm test -- durations' }],
})
const LIMITS = { ...WIDE_LIMITS, maxTurns: 1_000, maxCostMicroUsd: 1e9, maxCostPerDayMicroUsd: 1e9 }

/** All that a request says, in one text. */
const allTexts = (request: ModelRequest) => request.messages.flatMap(({ content }) => content.map(textOf)).join('\n')

function textOf(block: ModelMessage['content'][number]): string {
  if (block.type === 'text' || block.type === 'tool_result') return block.text
  return block.type === 'thinking' ? block.thinking : JSON.stringify(block)
}

/** A workspace whose commands print so many bytes, other ones each time, capped as a sandbox caps them. */
function talkative(bytes: number) {
  let times = 0
  return async () => ({
    ...EMPTY_WORKSPACE,
    exec: async (command: string, { maxOutputBytes }: { readonly maxOutputBytes: number }): Promise<ExecResult> => {
      if (command.includes('status --porcelain')) {
        const output = new TextEncoder().encode(' M src/made by the shell.ts\n')
        return { ...result(output, output.byteLength), exitCode: 0 }
      }
      times += 1
      const line = `run ${times}: expected 90, got ${times * 7}\n`
      const shown = Math.min(bytes, maxOutputBytes)
      return result(Buffer.from(line.repeat(Math.ceil(shown / line.length)).slice(0, shown)), bytes)
    },
  })
}

function result(output: Uint8Array, totalOutputBytes: number): ExecResult {
  return { exitCode: 1, timedOut: false, aborted: false, durationMs: 1, output, totalOutputBytes }
}

describe('runAgent over 300 turns', () => {
  it.each(['native', 'text'] as const)(
    'stays inside the window with plan, criteria, edited plan and changed files in every request (%s)',
    async (name) => {
      const say = (turn: number) => {
        if (name === 'native')
          return [
            thinking(`I think about step ${turn}.`),
            text(`Step ${turn}.`),
            turn % 10 === 0
              ? toolUse('write', { path: `src/part-${turn}.ts`, content: `export const part = ${turn}\n` })
              : toolUse('shell', { command: `npm test -- part ${turn}` }),
          ]
        return [
          thinking(`I think about step ${turn}.`),
          text(
            turn % 10 === 0 ? `WRITE_FILE src/part-${turn}.ts\n<<<<\nx ${turn}\n>>>>` : `RUN npm test -- part ${turn}`,
          ),
        ]
      }
      const done = name === 'native' ? toolUse('finish', CLAIM) : text('DONE Add it\n<<<<\nIt was added.\n>>>>')
      const windowTokens = 60_000
      let largest = 0
      let missing: string[] = []
      const strict = createStrictModel({
        windowTokens,
        reply: (turn) => ({ content: turn <= 300 ? say(turn) : [done] }),
        onRequest: (request, tokens) => {
          largest = Math.max(largest, tokens)
          const all = allTexts(request)
          const turn = strict.turns() + 1
          const needed = [PLAN, CRITERION, ...(turn > 100 ? ['The plan was edited: also seconds.'] : [])]
          const files = Array.from(
            { length: Math.floor((turn - 1) / 10) },
            (_, index) => `src/part-${(index + 1) * 10}.ts`,
          )
          missing = [...missing, ...[...needed, ...files].filter((part) => !all.includes(part))]
        },
      })
      let drained = 0
      const run = await runScript([], {
        model: strict.model,
        ...(name === 'native'
          ? {}
          : { protocol: createTextProtocol({ delimiter: DELIMITER, runKind: 'implement' as const }) }),
        firstMessage: FIRST,
        limits: { ...LIMITS, windowTokens },
        workspace: talkative(6_000),
        drainNotes: async () => {
          drained += 1
          return drained === 100 ? [{ about: 'plan', text: 'The plan was edited: also seconds.' }] : []
        },
      })
      expect(missing).toEqual([])
      expect(run.ending.kind).toBe('finished')
      expect(strict.turns()).toBe(301)
      expect(largest).toBeLessThan(windowTokens * 0.8)
      const compactions = run.events.filter((event) => event.kind === 'compaction')
      expect(compactions.length).toBe(strict.brokenPrefixes())
      // Each frees 40 % of the window, so between two of them lie many turns.
      expect(compactions.length).toBeGreaterThan(5)
      expect(compactions.length).toBeLessThan(300 / 8)
      for (const { beforeTokens, afterTokens } of compactions) expect(afterTokens).toBeLessThan(beforeTokens * 0.5)
      expect(run.steps.filter((step) => step.kind === 'compaction')).toHaveLength(compactions.length)
    },
  )
})

describe('runAgent when the conversation grows', () => {
  it('takes a 50 MB test output, again and again, without ever filling the window', async () => {
    let largest = 0
    const strict = createStrictModel({
      windowTokens: 50_000,
      reply: (turn) => ({
        content: [turn <= 40 ? toolUse('shell', { command: 'npm test' }) : toolUse('finish', CLAIM)],
      }),
      onRequest: (_request, tokens) => {
        largest = Math.max(largest, tokens)
      },
    })
    const run = await runScript([], {
      model: strict.model,
      firstMessage: FIRST,
      limits: { ...LIMITS, windowTokens: 50_000 },
      workspace: talkative(50 * 1024 * 1024),
    })
    expect(run.ending.kind).toBe('finished')
    expect(largest).toBeLessThan(50_000)
  })

  it('keeps the newest turns whole, makes one line of older results, and says what was done before', async () => {
    const seen: ModelRequest[] = []
    const strict = createStrictModel({
      windowTokens: 36_000,
      reply: (turn) => ({
        content: [
          text(`I look at ${turn}.`),
          turn <= 80 ? toolUse('shell', { command: `npm test -- ${turn}` }) : toolUse('finish', CLAIM),
        ],
      }),
      onRequest: (request) => void seen.push({ ...request, messages: structuredClone(request.messages) }),
    })
    const run = await runScript([], {
      model: strict.model,
      firstMessage: FIRST,
      limits: { ...LIMITS, windowTokens: 36_000 },
      workspace: talkative(2_000),
    })
    expect(run.ending.kind).toBe('finished')
    const last = seen.at(-1)
    const head = last?.messages[0]?.content.map((block) => ('text' in block ? block.text : '')) ?? []
    expect(head[0]).toBe(FIRST)
    expect(head[1]).toMatch(/turn 1: "I look at 1\."\nturn 1: shell npm test -- 1 -> exit code 1, 2\d\d\d bytes\n/)
    expect(head[1]).toContain('src/made by the shell.ts')
    const all = last === undefined ? '' : allTexts(last)
    expect(all).toMatch(/\[result left out to save room: shell npm test -- \d+ -> exit code 1, \d+ bytes\]/)
    expect(all).toContain('run 80: expected 90')
  })

  it('cuts the results of one enormous turn evenly, so that it still fits', async () => {
    let largest = 0
    const strict = createStrictModel({
      windowTokens: 40_000,
      reply: (turn) => ({
        content:
          turn === 1
            ? Array.from({ length: 30 }, (_, call) => toolUse('shell', { command: `cat ${call}` }))
            : [toolUse('finish', CLAIM)],
      }),
      onRequest: (_request, tokens) => {
        largest = Math.max(largest, tokens)
      },
    })
    const run = await runScript([], {
      model: strict.model,
      firstMessage: FIRST,
      limits: { ...LIMITS, windowTokens: 40_000 },
      workspace: talkative(20_000),
    })
    expect(run.ending.kind).toBe('finished')
    expect(largest).toBeLessThan(40_000)
  })

  it('shortens the conversation and asks once more when the endpoint refuses it as too long', async () => {
    // The endpoint's window is a third of what DevBot believes.
    const strict = createStrictModel({
      windowTokens: 30_000,
      reply: (turn) => ({
        content: [turn <= 60 ? toolUse('shell', { command: `ls ${turn}` }) : toolUse('finish', CLAIM)],
      }),
    })
    const run = await runScript([], {
      model: strict.model,
      firstMessage: FIRST,
      limits: { ...LIMITS, windowTokens: 90_000, maxTurns: 100 },
      workspace: talkative(4_000),
    })
    expect(run.ending.kind).toBe('finished')
    expect(run.events.filter((event) => event.kind === 'compaction').length).toBeGreaterThan(1)
    expect(run.totals.turns).toBe(61)
  })

  it('shortens the conversation when a reply filled the window, and runs no call of that reply', async () => {
    const ran: string[] = []
    const workspace = talkative(4_000)
    const strict = createStrictModel({
      windowTokens: 200_000,
      reply: (turn) => ({
        content: [turn <= 30 ? toolUse('shell', { command: `step ${turn}` }) : toolUse('finish', CLAIM)],
        ...(turn === 20 ? { stopReason: 'model_context_window_exceeded' } : {}),
      }),
    })
    const run = await runScript([], {
      model: strict.model,
      limits: LIMITS,
      workspace: async () => ({
        ...(await workspace()),
        exec: async (command: string, options: { readonly maxOutputBytes: number }) => {
          if (command.startsWith('step')) ran.push(command)
          return (await workspace()).exec(command, options)
        },
      }),
    })
    expect(run.ending.kind).toBe('finished')
    expect(ran).not.toContain('step 20')
    expect(ran).toContain('step 21')
    expect(run.events).toContainEqual(expect.objectContaining({ kind: 'compaction', turn: 21 }))
  })

  it('ends at the limit of context when the window is full and nothing can be shortened', async () => {
    const run = await runScript([
      { content: [toolUse('shell', { command: 'ls' })], stopReason: 'model_context_window_exceeded' },
    ])
    expect(run.ending).toMatchObject({ kind: 'limit-reached', limit: 'context' })
    expect(run.requests).toHaveLength(1)
  })

  it('takes an invalid request for a too long one only where the conversation fills much of the window', async () => {
    let asked = 0
    const model: ModelClient = {
      ...createStrictModel({ windowTokens: 1e9, reply: () => ({}) }).model,
      ask: async () => {
        asked += 1
        if (asked > 6)
          throw new DevBotError({ category: 'invalid-input', code: 'model-request-refused', message: '400' })
        return {
          content: [toolUse('shell', { command: `step ${asked}` }, `call-${asked}`)],
          stopReason: 'tool_use',
          usage: { inputTokens: 3_000 * asked, outputTokens: 10, requestBytes: 12_000 * asked, maxOutputTokens: 100 },
        }
      },
    }
    const input = { model, limits: LIMITS, workspace: talkative(8_000) }
    await expect(runScript([], input)).rejects.toMatchObject({ code: 'model-request-refused' })
    expect(asked).toBe(7)
  })

  it('throws a refusal of a conversation in which there is nothing to shorten', async () => {
    const strict = createStrictModel({ windowTokens: 10, reply: () => ({}) })
    const purse = createPurse(1e9)
    await expect(runScript([], { model: strict.model, spending: purse.spending })).rejects.toMatchObject({
      code: 'model-request-too-long',
    })
    expect(purse.reserved()).toBe(0)
  })
})
