import type { WorkerDeps } from './deps.ts'

const DAY_MS = 24 * 3_600_000

/** When the day's money is spent, a run that has not begun waits for the next UTC day; it loses nothing by that. */
export async function untilTomorrow(
  deps: Pick<WorkerDeps, 'ledger' | 'settings' | 'now'>,
): Promise<{ readonly dueAtMs: number; readonly reason: string } | undefined> {
  if ((await deps.ledger.spentToday()) < deps.settings.maxCostPerDayMicroUsd) return undefined
  return { dueAtMs: (Math.floor(deps.now() / DAY_MS) + 1) * DAY_MS, reason: 'cost-per-day' }
}
