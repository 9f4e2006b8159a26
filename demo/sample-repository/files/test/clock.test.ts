import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DurationError, formatClock, parseClock } from '../src/index.ts'

test('reads hours, minutes, seconds and decimals', () => {
  assert.equal(parseClock('1:30'), 5_400_000)
  assert.equal(parseClock('01:30:00'), 5_400_000)
  assert.equal(parseClock('00:00:01.25'), 1250)
  assert.equal(parseClock('-100:00'), -360_000_000)
})

test('refuses what no clock shows', () => {
  for (const text of ['', '90', '1:60', '1:00:60', '1:2:3:4', 'a:b']) {
    assert.throws(() => parseClock(text), DurationError, text)
  }
})

test('writes two digits each, and milliseconds when there are any', () => {
  assert.equal(formatClock(5_400_000), '01:30:00')
  assert.equal(formatClock(1250), '00:00:01.250')
  assert.equal(formatClock(-360_000_000), '-100:00:00')
  assert.equal(formatClock(-0.2), '00:00:00')
})

test('reads back what it writes', () => {
  for (const ms of [0, 1, 999, 59_999, 3_599_999, 86_400_001, -1]) assert.equal(parseClock(formatClock(ms)), ms)
})
