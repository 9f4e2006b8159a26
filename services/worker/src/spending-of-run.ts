import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Spending } from '@devbot/agent'
import type { WorkerDeps } from './deps.ts'
import type { OwnedTask } from './own-task.ts'
import type { RunLog } from './run-log.ts'

/** Another run's call is over by then, or its worker is dead and what it set aside is free again. */
const PATIENCE_MS = 5 * 60_000
const LOOK_EVERY_MS = 500

/**
 * The day's money as a run may spend it; what a call cost goes into the run's record as well. Not with the reply: what a
 * call cost that gave no reply is spent, too.
 */
export function spendingOfRun(
  deps: Pick<WorkerDeps, 'settings' | 'now'> & {
    readonly ledger: Pick<WorkerDeps['ledger'], 'reserveSpending' | 'settleSpending'>
  },
  owned: Pick<OwnedTask, 'ownership' | 'signal'>,
  log: Pick<RunLog, 'run' | 'change'>,
): Spending {
  const ceilingMicroUsd = deps.settings.maxCostPerDayMicroUsd
  return {
    reserve: async (request) => {
      const reservationId = randomUUID()
      const ask = () => deps.ledger.reserveSpending(owned.ownership, { ...request, reservationId, ceilingMicroUsd })
      let answer = await ask()
      // What others have set aside is mostly given back within a minute; only spent money ends a run.
      for (const untilMs = deps.now() + PATIENCE_MS; answer.kind === 'refused' && deps.now() < untilMs; ) {
        const isSpent = answer.spentMicroUsd + request.leastMicroUsd > ceilingMicroUsd
        if (isSpent || answer.reservedMicroUsd === 0) break
        await sleep(LOOK_EVERY_MS, undefined, { signal: owned.signal })
        answer = await ask()
      }
      if (answer.kind === 'refused') return { ...answer, ceilingMicroUsd }
      return {
        ...answer,
        settle: async (costMicroUsd) => {
          log.change({ costMicroUsd: log.run.costMicroUsd + costMicroUsd })
          await deps.ledger.settleSpending(owned.ownership, reservationId, costMicroUsd)
        },
      }
    },
  }
}
