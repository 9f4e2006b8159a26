import type { SandboxSpec } from '@devbot/sandbox'
import type { WorkerDeps } from '../deps.ts'
import type { OwnedTask } from '../own-task.ts'

/** Longest a setup or test command may take in a check sandbox. */
export const CHECK_TIMEOUT_MS = 20 * 60_000

/** Whose sandbox it is and the operator's ceilings for it. Holds ids and numbers only: no secret can get into one by this. */
export function sandboxSpec(
  deps: Pick<WorkerDeps, 'settings'>,
  owned: OwnedTask,
  what: { readonly purpose: 'agent' | 'check'; readonly runId: string; readonly treeBytes: number },
): SandboxSpec {
  const { instance, sandboxLimits, maxMinutes } = deps.settings
  return {
    purpose: what.purpose,
    instance,
    taskId: owned.task.id,
    runId: what.runId,
    epoch: owned.ownership.epoch,
    limits: { ...sandboxLimits, maxMinutes: sandboxMinutes(maxMinutes, what.purpose) },
    treeBytes: what.treeBytes,
  }
}

/** A sandbox outlives what is done in it by a margin: the run's own deadline ends the run, with its work brought out. */
function sandboxMinutes(runMinutes: number, purpose: 'agent' | 'check'): number {
  const checkMinutes = (2 * CHECK_TIMEOUT_MS) / 60_000
  return purpose === 'check' ? checkMinutes + 5 : runMinutes + checkMinutes + 15
}
