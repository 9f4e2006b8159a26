import { describe, expect, it } from 'vitest'
import { median, medianFields, percentile } from './statistics.ts'

describe('median', () => {
  it.each([
    [[3], 3],
    [[5, 1, 3], 3],
    [[4, 1, 3, 2], 2.5],
  ])('of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected)
  })

  it('throws when nothing was measured', () => {
    expect(() => median([])).toThrow('at least one measurement')
  })
})

describe('percentile', () => {
  const hundred = Array.from({ length: 100 }, (_value, index) => 100 - index)

  it.each([
    [0.5, 50],
    [0.95, 95],
    [0.99, 99],
    [1, 100],
  ])('at %d of 1 to 100 is %d', (share, expected) => {
    expect(percentile(hundred, share)).toBe(expected)
  })
})

describe('medianFields', () => {
  it('takes each field by itself', () => {
    const runs = [
      { a: 1, b: 30 },
      { a: 3, b: 10 },
      { a: 2, b: 20 },
    ]
    expect(medianFields(runs, ['a', 'b'])).toEqual({ a: 2, b: 20 })
  })
})
