import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DurationError, parseDuration } from '../src/index.ts'

const GOOD: readonly (readonly [string, number])[] = [
  ['90s', 90_000],
  ['1h 30m', 5_400_000],
  ['1h30m', 5_400_000],
  ['1.5 hours', 5_400_000],
  ['.5h', 1_800_000],
  ['2 days and 3 hours', 183_600_000],
  ['1 week, 1 day', 691_200_000],
  ['-2d', -172_800_000],
  ['+250ms', 250],
  ['1H 5MIN', 3_900_000],
]

for (const [text, ms] of GOOD) {
  test(`reads ${JSON.stringify(text)}`, () => assert.equal(parseDuration(text), ms))
}

const BAD: readonly (readonly [string, number])[] = [
  ['', 0],
  ['   ', 3],
  ['5', 0],
  ['5 parsecs', 2],
  ['h', 0],
  ['1h ~ 5m', 3],
  ['1h 5', 3],
]

for (const [text, position] of BAD) {
  test(`refuses ${JSON.stringify(text)} and says where`, () => {
    assert.throws(
      () => parseDuration(text),
      (error) => error instanceof DurationError && error.position === position,
    )
  })
}
