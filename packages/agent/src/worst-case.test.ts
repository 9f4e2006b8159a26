import { describe, expect, it } from 'vitest'
import { createPriceTable } from './price-table.ts'
import { affordableOutput, worstCostMicroUsd } from './worst-case.ts'

const SONNET = { model: 'claude-sonnet-5-5' }
const HAIKU = { model: 'claude-haiku-5-5' }

describe('the worst case of a call', () => {
  it('writes the whole prompt into the cache and has the longest reply', () => {
    expect(worstCostMicroUsd(SONNET, 10_000, 2_000)).toBe(10_000 * 2.5 + 2_000 * 10)
  })

  it('is that of a long prompt where that costs more', () => {
    expect(worstCostMicroUsd(HAIKU, 100_001, 0)).toBe(Math.ceil(100_001 * 0.625))
  })

  it("is the dearest model's where another one may be asked instead", () => {
    const model = { ...HAIKU, mayAsk: ['claude-sonnet-5-5'] }
    expect(worstCostMicroUsd(model, 10_000, 2_000)).toBe(worstCostMicroUsd(SONNET, 10_000, 2_000))
    expect(affordableOutput(model, 10_000, 45_000)).toBe(2_000)
  })

  it.each([
    [SONNET, 1_000, 50_000],
    [SONNET, 12_345, 99_999],
    [HAIKU, 150_000, 123_457],
    [{ model: 'unknown' }, 777, 1_000_001],
  ])('never allows a reply that the money does not pay for (%o, %i tokens, %i)', (model, input, money) => {
    const output = affordableOutput(model, input, money)
    expect(output).toBeGreaterThan(0)
    expect(worstCostMicroUsd(model, input, output)).toBeLessThanOrEqual(money)
    expect(worstCostMicroUsd(model, input, output + 1)).toBeGreaterThanOrEqual(money)
  })

  it('allows less than nothing when the money does not pay for the prompt', () => {
    expect(affordableOutput(SONNET, 100_000, 1_000)).toBeLessThan(0)
  })

  it('allows any reply where output costs nothing', () => {
    const free = {
      model: 'local',
      input: 0,
      output: 0,
      cacheWrite: 0,
      cacheRead: 0,
      source: 'mine',
      date: '2026-11-01',
    }
    expect(affordableOutput({ model: 'local', prices: createPriceTable([free]) }, 1_000, 0)).toBe(
      Number.POSITIVE_INFINITY,
    )
  })
})
