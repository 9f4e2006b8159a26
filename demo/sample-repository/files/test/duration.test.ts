import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DurationError, duration } from '../src/index.ts'

test('adds up the parts', () => {
  assert.equal(duration({ hours: 1, minutes: 30 }), 5_400_000)
  assert.equal(duration({ weeks: 1, days: -7 }), 0)
  assert.equal(duration({}), 0)
})

test('refuses unknown parts and numbers that are none', () => {
  assert.throws(() => duration({ fortnights: 1 } as never), DurationError)
  assert.throws(() => duration({ hours: Number.NaN }), DurationError)
})
