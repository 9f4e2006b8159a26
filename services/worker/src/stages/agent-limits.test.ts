import type { RunRecord } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { limitsOf } from './agent-limits.ts'

const OPERATOR = {
  maxTurns: 100,
  maxCostMicroUsd: 10_000_000,
  maxMinutes: 60,
  maxTokens: 50_000_000,
  contextTokens: undefined,
}
const NOW = 10_000_000
const HOUR = 3_600_000

function run(changes: Partial<RunRecord> = {}): RunRecord {
  return {
    version: 1,
    id: 'r1',
    kind: 'implement',
    planHash: 'a'.repeat(64),
    model: 'claude-sonnet-5-5',
    startedAtMs: 1_000_000,
    turns: 0,
    costMicroUsd: 0,
    tokens: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
    refusedPaths: [],
    notes: [],
    changes: [],
    ...changes,
  }
}

function limits(
  options: {
    operator?: { readonly contextTokens?: number }
    plan?: Parameters<typeof limitsOf>[1]['plan']
    model?: string
    current?: Partial<RunRecord>
    earlier?: readonly RunRecord[]
    spentOnTaskMicroUsd?: number
  } = {},
) {
  const {
    operator = {},
    plan = {},
    model = 'claude-sonnet-5-5',
    current,
    earlier = [],
    spentOnTaskMicroUsd = 0,
  } = options
  const used = { run: run({ id: 'now', ...current }), earlier, spentOnTaskMicroUsd }
  return limitsOf({ ...OPERATOR, ...operator }, { plan, model }, used, NOW)
}

describe('limitsOf', () => {
  it("takes the operator's limits, and lower ones of the plan", () => {
    expect(limits()).toEqual({
      maxTurns: 100,
      turnsBefore: 0,
      maxCostMicroUsd: 10_000_000,
      spentMicroUsd: 0,
      maxTokens: 50_000_000,
      usedTokens: 0,
      windowTokens: 1_000_000,
      deadlineMs: NOW + HOUR,
    })
    const plan = { max_turns: 7, budget_usd: 0.1 + 0.2, max_minutes: 30 }
    expect(limits({ plan })).toMatchObject({ maxTurns: 7, maxCostMicroUsd: 300_000, deadlineMs: NOW + HOUR / 2 })
    expect(limits({ plan: { max_turns: 500, budget_usd: 99, max_minutes: 999 } })).toMatchObject({
      maxTurns: 100,
      maxCostMicroUsd: 10_000_000,
      deadlineMs: NOW + HOUR,
    })
  })

  it('counts money and tokens of all runs of the task, and calls whose worker died', () => {
    const tokens = { input: 1, output: 20, cacheRead: 300, cacheWrite: 4_000 }
    const earlier = [
      run({ costMicroUsd: 500, tokens, outcome: { kind: 'finished' } }),
      run({ costMicroUsd: 70, tokens }),
    ]
    expect(limits({ earlier })).toMatchObject({ spentMicroUsd: 570, usedTokens: 8_642 })
    expect(limits({ earlier, spentOnTaskMicroUsd: 600 })).toMatchObject({ spentMicroUsd: 600 })
  })

  it('counts turns and time of attempts at this run that were killed, stopped or out of luck', () => {
    const earlier = [
      run({ turns: 11, activeMs: 60_000 }),
      run({ turns: 22, endedAtMs: 1_120_000, outcome: { kind: 'cancelled', reason: 'stopping' } }),
      run({
        turns: 33,
        endedAtMs: 1_180_000,
        outcome: { kind: 'failed', category: 'transient', code: 'x', reason: 'y' },
      }),
    ]
    expect(limits({ earlier })).toMatchObject({ turnsBefore: 66, deadlineMs: NOW + HOUR - 360_000 })
  })

  it('does not count the time of attempts in which the model never answered', () => {
    const outcome = { kind: 'failed', category: 'transient', code: 'model-stream-silent', reason: 'y' } as const
    const earlier = Array.from({ length: 9 }, () => run({ turns: 0, endedAtMs: 1_600_000, outcome }))
    expect(limits({ earlier })).toMatchObject({ turnsBefore: 0, deadlineMs: NOW + HOUR })
  })

  it.each([
    ['a run that ended', { outcome: { kind: 'limit-reached', limit: 'turns', detail: '' } }],
    ['an error that a person mended', { outcome: { kind: 'failed', category: 'permission', code: 'x', reason: 'y' } }],
    ['another plan text', { planHash: 'b'.repeat(64) }],
    ['another round', { kind: 'revise', round: 1 }],
  ] as const)('begins anew after %s', (_what, changes) => {
    const earlier = [run({ turns: 50, activeMs: 60_000 }), run({ turns: 40, activeMs: 60_000, ...changes })]
    expect(limits({ earlier })).toMatchObject({ turnsBefore: 0, deadlineMs: NOW + HOUR })
  })

  it("takes the model's window, unless the operator knows better", () => {
    expect(limits({ model: 'claude-haiku-4-5' }).windowTokens).toBe(200_000)
    expect(limits({ model: 'some-model' }).windowTokens).toBe(200_000)
    expect(limits({ operator: { contextTokens: 32_000 } }).windowTokens).toBe(32_000)
  })
})
