import { describe, expect, it } from 'vitest'
import { parsePrices } from './parse-prices.ts'
import { createPriceTable, KNOWN_PRICES } from './price-table.ts'
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
    expect(costMicroUsd('some-gateway/model', usage(M, M, M, M))).toBe(10_000_000 + 50_000_000 + 1_000_000 + 12_500_000)
    expect(hasKnownPrice('constructor')).toBe(false)
  })
})

describe('the known prices', () => {
  it.each(KNOWN_PRICES)(
    'have a source and a day for $model, and a cache that is dearer to write than to read',
    (row) => {
      expect(row.source).toMatch(/\w+\.\w+/)
      expect(row.date).toMatch(/^2026-\d\d-\d\d$/)
      expect(row.cacheRead).toBeLessThan(row.cacheWrite)
      expect(row.input).toBeLessThan(row.output)
    },
  )
})

describe('prices from a file', () => {
  const row = {
    model: 'gw/large',
    input: 3,
    output: 9,
    cache_write: 3,
    cache_read: 1,
    source: 'contract',
    date: '2026-11-01',
  }

  it('add to the known ones, and replace them', () => {
    const prices = createPriceTable(
      parsePrices({ models: [row, { ...row, model: 'claude-sonnet-5-5', input: 1 }] }, 'f'),
    )
    expect(costMicroUsd('gw/large', usage(M, 1, 0, 0), prices)).toBe(3_000_009)
    expect(costMicroUsd('claude-sonnet-5-5', usage(M, 1, 0, 0), prices)).toBe(1_000_009)
    expect(costMicroUsd('claude-opus-5-5', usage(M, 1, 0, 0), prices)).toBe(4_000_020)
    expect([hasKnownPrice('gw/large', prices), hasKnownPrice('gw/large')]).toEqual([true, false])
  })

  it('count for models without a price, when they are the dearest', () => {
    const long_prompt = { over_tokens: 10, input: 90, output: 9, cache_write: 3, cache_read: 1 }
    const prices = createPriceTable(parsePrices({ models: [{ ...row, long_prompt }] }, 'f'))
    expect(costMicroUsd('unknown', usage(M, 1, 0, 0), prices)).toBe(90_000_050)
    expect(costMicroUsd('gw/large', usage(11, 1, 0, 0), prices)).toBe(999)
  })

  it('may price a dated model apart from its family', () => {
    const prices = createPriceTable(parsePrices({ models: [{ ...row, model: 'claude-haiku-4-5-20251001' }] }, 'f'))
    expect(costMicroUsd('claude-haiku-4-5-20251001', usage(M, 1, 0, 0), prices)).toBe(3_000_009)
    expect(costMicroUsd('claude-haiku-4-5', usage(M, 1, 0, 0), prices)).toBe(1_000_005)
  })

  it.each([
    ['nothing', null, /expected object/],
    ['an unknown key', { models: [{ ...row, ouput: 1 }] }, /ouput/],
    ['a missing column', { models: [{ ...row, cache_read: undefined }] }, /models\[0\]\.cache_read/],
    ['a price below zero', { models: [{ ...row, input: -1 }] }, /models\[0\]\.input/],
    ['a price as text', { models: [{ ...row, input: '3' }] }, /US dollars per million/],
    ['a model twice', { models: [row, row] }, /gw\/large stands twice/],
    ['no source', { models: [{ ...row, source: '' }] }, /source/],
    ['a day that is none', { models: [{ ...row, date: '2026-02-30' }] }, /expected a day/],
    ['no row', { models: [] }, /models/],
  ])('are refused with %s, naming file and place', (_what, value, problem) => {
    const parse = () => parsePrices(value, '/etc/prices.yaml')
    expect(parse).toThrow(problem)
    expect(parse).toThrow(/MODEL_PRICES_FILE: \/etc\/prices.yaml/)
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
