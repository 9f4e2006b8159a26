import { type AgentLimits, contextWindowOf } from '@devbot/agent'
import type { Plan, RunRecord } from '@devbot/contracts'
import type { WorkerDeps, WorkerSettings } from '../deps.ts'
import type { OwnedTask } from '../own-task.ts'
import type { RunLog } from '../run-log.ts'

type PlanLimits = Pick<Plan, 'max_turns' | 'budget_usd' | 'max_minutes'>
type OperatorLimits = Pick<
  WorkerSettings,
  'maxTurns' | 'maxCostMicroUsd' | 'maxMinutes' | 'maxTokens' | 'contextTokens'
>

/** The plan's limits within the operator's, and what of them was used before. */
export async function limitsFor(
  deps: Pick<WorkerDeps, 'ledger' | 'settings' | 'now'>,
  owned: Pick<OwnedTask, 'task'>,
  log: Pick<RunLog, 'run'>,
  input: { readonly plan: PlanLimits; readonly model: string },
): Promise<AgentLimits> {
  const [details, spentOnTaskMicroUsd] = await Promise.all([
    deps.ledger.details(owned.task.id),
    deps.ledger.spentOnTask(owned.task.id),
  ])
  const earlier = (details?.runs ?? []).filter((run) => run.id !== log.run.id)
  return limitsOf(deps.settings, input, { run: log.run, earlier, spentOnTaskMicroUsd }, deps.now())
}

/**
 * Money and tokens count over all runs of the task; turns and time over the run with what it used before it was cut off, and
 * attempts that it could not go on with, so that none of them is given anew by a crash. Pure.
 */
export function limitsOf(
  operator: OperatorLimits,
  { plan, model }: { readonly plan: PlanLimits; readonly model: string },
  used: {
    readonly run: RunRecord
    /** The task's other runs, oldest first. */
    readonly earlier: readonly RunRecord[]
    /** As the ledger booked it: with calls whose worker died, without those of before it was booked per task. */
    readonly spentOnTaskMicroUsd: number
  },
  nowMs: number,
): AgentLimits {
  const attempts = cutOffAttempts(used.run, used.earlier)
  const minutes = Math.min(plan.max_minutes ?? operator.maxMinutes, operator.maxMinutes)
  return {
    maxTurns: Math.min(plan.max_turns ?? operator.maxTurns, operator.maxTurns),
    turnsBefore: sum(attempts, (run) => run.turns) + used.run.turns,
    maxCostMicroUsd: Math.min(
      plan.budget_usd === undefined ? operator.maxCostMicroUsd : Math.round(plan.budget_usd * 1_000_000),
      operator.maxCostMicroUsd,
    ),
    spentMicroUsd: Math.max(
      used.spentOnTaskMicroUsd,
      sum([...used.earlier, used.run], (run) => run.costMicroUsd),
    ),
    maxTokens: operator.maxTokens,
    usedTokens: sum(
      [...used.earlier, used.run],
      ({ tokens }) => tokens.input + tokens.output + tokens.cacheRead + tokens.cacheWrite,
    ),
    windowTokens: operator.contextTokens ?? contextWindowOf(model),
    deadlineMs: nowMs + minutes * 60_000 - sum([...attempts, used.run], workedMs),
  }
}

/** The newest runs that were to do what this one does and came to no ending of their own: killed, stopped, out of luck. */
function cutOffAttempts(run: RunRecord, earlier: readonly RunRecord[]): readonly RunRecord[] {
  const last = earlier.findLastIndex((other) => !isAttemptAt(run, other) || endedByItself(other))
  return earlier.slice(last + 1)
}

function isAttemptAt(run: RunRecord, other: RunRecord): boolean {
  return other.kind === run.kind && other.round === run.round && other.planHash === run.planHash
}

/** An error that a person has to mend ends a run, too: who mends it and starts the task means it to begin anew. */
function endedByItself({ outcome }: RunRecord): boolean {
  if (outcome === undefined || outcome.kind === 'cancelled') return false
  return outcome.kind !== 'failed' || !['transient', 'sandbox', 'conflict'].includes(outcome.category)
}

/** Nothing where the model never answered: an endpoint that is away for a day must not use up the time for the work. */
function workedMs(run: RunRecord): number {
  if (run.turns === 0) return 0
  return run.activeMs ?? (run.endedAtMs === undefined ? 0 : Math.max(0, run.endedAtMs - run.startedAtMs))
}

function sum(runs: readonly RunRecord[], of: (run: RunRecord) => number): number {
  return runs.reduce((total, run) => total + of(run), 0)
}
