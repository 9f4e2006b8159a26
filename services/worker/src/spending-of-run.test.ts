import type { RunRecord } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { spendingOfRun } from './spending-of-run.ts'

type Answer = Awaited<ReturnType<Parameters<typeof spendingOfRun>[0]['ledger']['reserveSpending']>>

const REQUEST = { wantedMicroUsd: 400, leastMicroUsd: 100, assumedMicroUsd: 50 }

/** A day of 1,000 micro-dollars whose ledger gives these answers, the last one for ever. */
function spendingWith(answers: readonly Answer[], signal = new AbortController().signal) {
  let asked = 0
  const run = { costMicroUsd: 0 } as RunRecord
  return spendingOfRun(
    {
      settings: { maxCostPerDayMicroUsd: 1000 } as never,
      now: Date.now,
      ledger: {
        reserveSpending: async () =>
          answers[Math.min(asked++, answers.length - 1)] ?? { kind: 'reserved', microUsd: 0 },
        settleSpending: async () => undefined,
      },
    },
    { ownership: {} as never, signal },
    { run, change: () => undefined },
  )
}

const refused = (spentMicroUsd: number, reservedMicroUsd: number): Answer => ({
  kind: 'refused',
  spentMicroUsd,
  reservedMicroUsd,
})

describe('the day’s money of a run', () => {
  it('is waited for while only other runs’ reservations stand in the way', async () => {
    const spending = spendingWith([refused(100, 850), { kind: 'reserved', microUsd: 400 }])
    await expect(spending.reserve(REQUEST)).resolves.toMatchObject({ kind: 'reserved', microUsd: 400 })
  })

  it('is refused at once when it is spent', async () => {
    await expect(spendingWith([refused(950, 20)]).reserve(REQUEST)).resolves.toMatchObject({ kind: 'refused' })
  })

  it('is not waited for any longer once the run is told to stop', async () => {
    const stop = new AbortController()
    const waiting = spendingWith([refused(100, 850)], stop.signal).reserve(REQUEST)
    stop.abort()
    await expect(waiting).rejects.toThrow()
  })
})
