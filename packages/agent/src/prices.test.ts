import { describe, expect, it } from 'vitest'
import { costMicroUsd, countUsage, hasKnownPrice } from './prices.ts'

const BOUNDS = { requestBytes: 50_000, maxOutputTokens: 32_000 }
const M = 1_000_000
const usage = (inputTokens?: number, outputTokens?: number, cacheReadTokens?: number, cacheWriteTokens?: number) => ({
  inputTokens,
  outputTokens,
  cacheReadTokens,
  cacheWriteTokens,
  ...BOUNDS,
})

describe('costMicroUsd', () => {
  it.each([
    ['claude-sonnet-5-5', usage(M, M, 0, 0), 12_000_000],
    ['claude-sonnet-5-5', usage(0, 1, M, 0), 100_010],
    ['claude-sonnet-5-5', usage(0, 1, 0, M), 2_500_010],
    ['claude-opus-5-5', usage(M, M, M, 0), 24_200_000],
    ['claude-fable-5-1', usage(M, M, 0, 0), 60_000_000],
    ['claude-haiku-5-5', usage(100_000, 1000, 0, 0), 10_500],
    ['claude-haiku-5-5', usage(1, 1000, 100_000, 0), 7_501],
  ])('prices %s by each kind of token', (model, used, expected) => {
    expect(costMicroUsd(model, used)).toBe(expected)
  })

  it('rounds up to whole millionths, and not further because of floating point', () => {
    expect(costMicroUsd('claude-sonnet-5-5', usage(0, 1, 1, 0))).toBe(11)
    expect(costMicroUsd('claude-haiku-5-5', usage(30, 14, 0, 0))).toBe(10)
  })

  it('prices a dated name like its family', () => {
    expect(costMicroUsd('claude-haiku-4-5-20251001', usage(M, 1, 0, 0))).toBe(1_000_005)
    expect(hasKnownPrice('claude-haiku-4-5-20251001')).toBe(true)
  })

  it('prices an unknown model by the dearest of each column', () => {
    expect(hasKnownPrice('some-gateway/model')).toBe(false)
    expect(costMicroUsd('some-gateway/model', usage(M, M, M, M))).toBe(10_000_000 + 50_000_000 + 500_000 + 12_500_000)
    expect(hasKnownPrice('constructor')).toBe(false)
  })
})

describe('countUsage', () => {
  it('counts a missing input as a token per byte of the request, and a missing output as the maximum', () => {
    expect(countUsage(BOUNDS)).toEqual({
      inputTokens: 50_000,
      outputTokens: 32_000,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
    })
  })

  it.each([[-5], [Number.NaN], [Number.POSITIVE_INFINITY], [1.5]])('counts %d as missing', (wrong) => {
    expect(countUsage(usage(wrong, wrong, wrong, wrong))).toEqual(countUsage(BOUNDS))
  })

  it('does not believe in a call without any input or output', () => {
    expect(countUsage(usage(0, 0, 0, 0))).toEqual(countUsage(BOUNDS))
  })

  it('believes in an input that came wholly from the cache', () => {
    expect(countUsage(usage(0, 5, 900, 0))).toEqual({
      inputTokens: 0,
      outputTokens: 5,
      cacheReadTokens: 900,
      cacheWriteTokens: 0,
    })
  })
})
