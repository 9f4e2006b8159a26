import type { AgentEnding, AgentLimits } from './ports.ts'

export type LimitReached = Extract<AgentEnding, { kind: 'limit-reached' }>

/**
 * Whether another paid call may be made, and if not, which limit says so. Looked at before each call: one call can
 * pass a money limit by what it costs itself, never by more.
 */
export function limitReached(
  limits: AgentLimits,
  now: {
    /** Replies of this run so far. */
    readonly turns: number
    /** Cost of this run so far. */
    readonly costMicroUsd: number
    readonly spentTodayMicroUsd: number
    readonly nowMs: number
  },
): LimitReached | undefined {
  // Written as "not below", so that a limit that is no number stops the run instead of never being reached.
  if (!(now.turns < limits.maxTurns)) return reached('turns', `${now.turns} of ${limits.maxTurns} turns used`)
  const spent = limits.spentMicroUsd + now.costMicroUsd
  if (!(spent < limits.maxCostMicroUsd))
    return reached('cost', `${usd(spent)} of ${usd(limits.maxCostMicroUsd)} spent on the task`)
  if (!(now.spentTodayMicroUsd < limits.maxCostPerDayMicroUsd)) {
    return reached('cost-per-day', `${usd(now.spentTodayMicroUsd)} of ${usd(limits.maxCostPerDayMicroUsd)} spent today`)
  }
  if (!(now.nowMs < limits.deadlineMs)) return deadlineReached(limits, now.nowMs)
  return undefined
}

export function deadlineReached(limits: AgentLimits, nowMs: number): LimitReached {
  const overS = Math.max(0, Math.round((nowMs - limits.deadlineMs) / 1000))
  return reached('minutes', `the time for the run is used up (by ${overS} s at its end)`)
}

function reached(limit: LimitReached['limit'], detail: string): LimitReached {
  return { kind: 'limit-reached', limit, detail }
}

function usd(microUsd: number): string {
  return `$${(microUsd / 1_000_000).toFixed(4)}`
}
