import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DurationError, formatIso, parseIso } from '../src/index.ts'

test('reads weeks, days and times', () => {
  assert.equal(parseIso('PT1H30M'), 5_400_000)
  assert.equal(parseIso('P1W2D'), 777_600_000)
  assert.equal(parseIso('-PT0.5S'), -500)
})

test('refuses months, years and empty durations', () => {
  for (const text of ['P', 'PT', 'P1M', 'P1Y', '1H', 'PT1H30']) assert.throws(() => parseIso(text), DurationError, text)
})

test('writes the shortest form', () => {
  assert.equal(formatIso(216_000_000), 'P2DT12H')
  assert.equal(formatIso(1500), 'PT1.5S')
  assert.equal(formatIso(0), 'PT0S')
  assert.equal(formatIso(-60_000), '-PT1M')
})
