import { withReason } from '@devbot/contracts'
import type { WorkerDeps } from './deps.ts'
import type { OwnedTask } from './own-task.ts'

/** The housekeeping asks the engine again every 20 s; half of that is what waiting adds at most on average. */
const WAIT_MS = 10_000

/**
 * While no sandboxes can be made, a run that has not begun waits: begun, it would ask the model first and lose the answer.
 * This is no failed attempt, however long it takes.
 */
export async function untilSandboxes(
  deps: Pick<WorkerDeps, 'sandboxes' | 'now'>,
  owned: OwnedTask,
): Promise<{ readonly dueAtMs: number; readonly reason: string } | undefined> {
  const problem = deps.sandboxes.problem()
  if (problem === undefined) return undefined
  const statusReason = `waiting for sandboxes: ${problem.slice(0, 1000)}`
  if (owned.task.statusReason !== statusReason) await owned.save(withReason(owned.task, statusReason))
  return { dueAtMs: deps.now() + WAIT_MS, reason: 'sandboxes' }
}
