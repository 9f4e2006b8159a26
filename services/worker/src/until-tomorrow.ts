import { type RunOutcome, withReason } from '@devbot/contracts'
import type { WorkerDeps } from './deps.ts'
import type { OwnedTask } from './own-task.ts'
import type { RunLog } from './run-log.ts'

const DAY_MS = 24 * 3_600_000

type Later = { readonly dueAtMs: number; readonly reason: string }

/** When the day's money is spent, a run that has not begun waits for the next UTC day; it loses nothing by that. */
export async function untilTomorrow(deps: Pick<WorkerDeps, 'ledger' | 'settings' | 'now'>): Promise<Later | undefined> {
  if ((await deps.ledger.spentToday()) < deps.settings.maxCostPerDayMicroUsd) return undefined
  return { dueAtMs: tomorrowMs(deps), reason: 'cost-per-day' }
}

/** The same for the day's rounds. The round is counted here; taken up again after a crash it is the same round. */
export async function untilRoundAllowed(
  deps: Pick<WorkerDeps, 'ledger' | 'settings' | 'now'>,
  owned: Pick<OwnedTask, 'ownership' | 'task'>,
): Promise<Later | undefined> {
  const { maxRoundsPerDay } = deps.settings
  const answer = await deps.ledger.beginRound(owned.ownership, owned.task.rounds + 1, maxRoundsPerDay)
  return answer.kind === 'begun' ? undefined : { dueAtMs: tomorrowMs(deps), reason: 'rounds-per-day' }
}

/**
 * A run that changed nothing because the rest of the day's money was too little is put off to the next UTC day. False for
 * any other ending, and where nothing was spent today: then a whole day's money is too little, and tomorrow's would be.
 */
export async function putOffToTomorrow(
  deps: Pick<WorkerDeps, 'ledger' | 'now'>,
  owned: Pick<OwnedTask, 'task' | 'save'>,
  log: Pick<RunLog, 'end'>,
  outcome: RunOutcome,
): Promise<boolean> {
  if (outcome.kind !== 'limit-reached' || outcome.limit !== 'cost-per-day') return false
  if ((await deps.ledger.spentToday()) === 0) return false
  await log.end(outcome)
  const statusReason = `waiting for the next UTC day: ${outcome.detail}`
  await owned.save(withReason({ ...owned.task, notBeforeMs: tomorrowMs(deps) }, statusReason))
  return true
}

function tomorrowMs({ now }: Pick<WorkerDeps, 'now'>): number {
  return (Math.floor(now() / DAY_MS) + 1) * DAY_MS
}
