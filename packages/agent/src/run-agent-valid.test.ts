import { describe, expect, it } from 'vitest'
import type { ModelBlock, ModelReply } from './model-client.ts'
import { CLAIM, EMPTY_WORKSPACE, runScript, WIDE_LIMITS } from './testing/loop-harness.ts'
import { text, toolUse } from './testing/scripted-model.ts'
import { createStrictModel, thinking } from './testing/strict-model.ts'

/** A small generator of random numbers that gives the same ones for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const REASONS = [
  'end_turn',
  'tool_use',
  'max_tokens',
  'pause_turn',
  'stop_sequence',
  'model_context_window_exceeded',
  'refusal',
  'something_new',
]

/** Any reply a model or a gateway might give: thinking anywhere, empty texts, repeated ids, unknown tools, any ending. */
function anyReply(random: () => number): Partial<ModelReply> {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T
  const some = (most: number) => Math.floor(random() * (most + 1))
  const words = () => 'word '.repeat(some(800))
  const blocks: (() => ModelBlock)[] = [
    () => text(pick(['', ' ', words()])),
    () => thinking(words()),
    () => toolUse('shell', { command: `run ${some(1e6)}` }, pick([undefined, 'again', '', 'bad id!'])),
    () => toolUse('read', { path: `file-${some(1e6)}` }),
    () => toolUse('write', { path: `file-${some(20)}`, content: words() }),
    () => toolUse(pick(['bash', 'edit', 'finish']), { wrong: words() }),
    () => ({ type: 'tool_use', id: `u${some(1e6)}`, name: 'shell', input: {}, inputUnreadable: true }),
  ]
  const content = Array.from({ length: some(6) }, () => pick(blocks)())
  return { content, ...(random() < 0.2 ? { stopReason: pick(REASONS) } : {}) }
}

describe('runAgent with whatever replies', () => {
  it.each(Array.from({ length: 60 }, (_, seed) => seed + 1))(
    'sends only valid requests, inside the window and the ceilings (seed %i)',
    async (seed) => {
      const random = randomFrom(seed)
      const turns = 20 + Math.floor(random() * 100)
      const windowTokens = 20_000 + Math.floor(random() * 60_000)
      const strict = createStrictModel({
        windowTokens,
        // A call that works now and then, so that the run is not given up at once.
        reply: (turn) => {
          if (turn > turns) return { content: [toolUse('finish', CLAIM)] }
          return turn % 2 === 0 ? { content: [toolUse('shell', { command: `step ${turn}` })] } : anyReply(random)
        },
      })
      let outputs = 0
      const limits = { ...WIDE_LIMITS, maxTurns: 200, windowTokens, maxCostPerDayMicroUsd: 5_000_000 }
      const run = await runScript([], {
        model: strict.model,
        limits,
        workspace: async () => ({
          ...EMPTY_WORKSPACE,
          exec: async (_command: string, { maxOutputBytes }: { readonly maxOutputBytes: number }) => {
            outputs += 1
            const output = Buffer.from(`${outputs} `.repeat(8_000).slice(0, Math.floor(random() * maxOutputBytes)))
            const bytes = output.byteLength
            return { exitCode: 0, timedOut: false, aborted: false, durationMs: 1, output, totalOutputBytes: bytes }
          },
        }),
        drainNotes: async () => (random() < 0.05 ? [{ about: 'plan', text: `The plan, version ${random()}` }] : []),
      })
      // The strict model throws at the first request that is not valid; money is checked by the purse.
      expect(['finished', 'gave-up', 'limit-reached']).toContain(run.ending.kind)
      expect(run.spentToday()).toBeLessThanOrEqual(limits.maxCostPerDayMicroUsd)
      expect(run.purse.reserved()).toBe(0)
      const calls = run.steps.flatMap((step) => (step.kind === 'result' ? [step.toolUseId] : []))
      expect(new Set(calls).size).toBe(calls.length)
    },
  )
})
