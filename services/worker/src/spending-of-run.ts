import { randomUUID } from 'node:crypto'
import type { Spending } from '@devbot/agent'
import type { WorkerDeps } from './deps.ts'
import type { OwnedTask } from './own-task.ts'
import type { RunLog } from './run-log.ts'

/**
 * The day's money as a run may spend it; what a call cost goes into the run's record as well. Not with the reply: what a
 * call cost that gave no reply is spent, too.
 */
export function spendingOfRun(
  deps: Pick<WorkerDeps, 'ledger' | 'settings'>,
  owned: Pick<OwnedTask, 'ownership'>,
  log: Pick<RunLog, 'run' | 'change'>,
): Spending {
  const ceilingMicroUsd = deps.settings.maxCostPerDayMicroUsd
  return {
    reserve: async (request) => {
      const reservationId = randomUUID()
      const answer = await deps.ledger.reserveSpending(owned.ownership, { ...request, reservationId, ceilingMicroUsd })
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
