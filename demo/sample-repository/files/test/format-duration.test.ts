import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DurationError, formatDuration } from '../src/index.ts'

test('names every unit that is not zero', () => {
  assert.equal(formatDuration(5_400_000), '1 hour, 30 minutes')
  assert.equal(formatDuration(86_401_000), '1 day, 1 second')
  assert.equal(formatDuration(1), '1 millisecond')
  assert.equal(formatDuration(0), '0 milliseconds')
  assert.equal(formatDuration(-120_000), '-2 minutes')
})

test('shows the largest units only when told so', () => {
  assert.equal(formatDuration(93_784_000, { largest: 2 }), '1 day, 2 hours')
  assert.equal(formatDuration(93_784_000, { largest: 1 }), '1 day')
})

test('carries a rounded amount into the next larger unit', () => {
  assert.equal(formatDuration(3_599_600, { largest: 1 }), '1 hour')
  assert.equal(formatDuration(7_199_000, { largest: 2 }), '2 hours')
})

test('uses the units it is given', () => {
  assert.equal(formatDuration(5_400_000, { units: ['minutes'] }), '90 minutes')
  assert.equal(formatDuration(777_600_000, { units: ['weeks', 'days'] }), '1 week, 2 days')
})

test('refuses what is no number', () => {
  assert.throws(() => formatDuration(Number.POSITIVE_INFINITY), DurationError)
})
