import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatCompact, parseDuration } from '../src/index.ts'

test('writes amounts and symbols without gaps', () => {
  assert.equal(formatCompact(5_400_000), '1h30m')
  assert.equal(formatCompact(-172_800_000), '-2d')
  assert.equal(formatCompact(0.4), '0s')
})

test('is read back by parseDuration', () => {
  for (const ms of [1, 61_001, 604_800_000, -5_400_000]) assert.equal(parseDuration(formatCompact(ms)), ms)
})
