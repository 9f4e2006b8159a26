import assert from 'node:assert/strict'
import { test } from 'node:test'
import { average, clamp, compareDurations, DurationError, roundTo, total } from '../src/index.ts'

test('rounds to whole units, halves away from zero', () => {
  assert.equal(roundTo(5_400_000, 'hours'), 7_200_000)
  assert.equal(roundTo(-90_000, 'minutes'), -120_000)
  assert.equal(roundTo(-1, 'minutes'), 0)
})

test('sums and averages', () => {
  assert.equal(total([1000, 2000, -500]), 2500)
  assert.equal(total([]), 0)
  assert.equal(average([1000, 2000]), 1500)
  assert.throws(() => average([]), DurationError)
})

test('keeps a duration within bounds', () => {
  assert.equal(clamp(5, { min: 10 }), 10)
  assert.equal(clamp(50, { min: 10, max: 20 }), 20)
  assert.throws(() => clamp(5, { min: 2, max: 1 }), DurationError)
})

test('sorts from short to long', () => {
  assert.deepEqual([3000, -1, 20].toSorted(compareDurations), [-1, 20, 3000])
})
