import assert from 'node:assert/strict'
import { test } from 'node:test'
import { splitUnits } from '../src/index.ts'

test('splits into whole amounts and leaves out zeros', () => {
  assert.deepEqual(splitUnits(5_400_000), { hours: 1, minutes: 30 })
  assert.deepEqual(splitUnits(0), {})
})

test('gives the rest to the smallest unit', () => {
  assert.deepEqual(splitUnits(5_400_000, ['hours']), { hours: 1.5 })
  assert.deepEqual(splitUnits(90_000, ['seconds', 'minutes']), { minutes: 1, seconds: 30 })
})
