import { expect, it } from 'vitest'
import { createLimitedLog } from './limited-log.ts'

it('writes twenty lines in ten seconds, then says how many it left out', () => {
  const lines: unknown[] = []
  let nowMs = 0
  const log = createLimitedLog(
    (facts, message) => lines.push([facts, message]),
    () => nowMs,
  )
  for (let count = 0; count < 25; count += 1) log({ count }, 'no')
  expect(lines).toHaveLength(20)
  nowMs = 10_000
  log({ count: 25 }, 'no')
  expect(lines.slice(20)).toEqual([
    [{ left: 5 }, expect.stringContaining('no')],
    [{ count: 25 }, 'no'],
  ])
})
