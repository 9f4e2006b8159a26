import { endTask, reviveTask } from '@devbot/contracts'
import type { WorkerDeps } from './deps.ts'
import type { OwnedTask } from './own-task.ts'
import { recordStatus } from './record-status.ts'

/**
 * Whether a person reopened a closed pull request, or closed or merged that of a held task, and no webhook told of it.
 * The task itself rests: nothing else is done for it.
 */
export async function lookAtEnding(
  deps: WorkerDeps,
  owned: OwnedTask,
  nextMs: number,
): Promise<'go-on' | { readonly dueAtMs: number; readonly reason: string }> {
  const { task } = owned
  if (task.pullRequest === undefined) return 'go-on'
  const { state, endedBy } = await deps.github.pullRequest(task.repository, task.pullRequest.number)
  if (state === (task.status === 'held' ? 'open' : 'closed')) {
    return { dueAtMs: deps.now() + Math.max(nextMs, deps.settings.reconcileMs), reason: 'reconcile-resting' }
  }
  const ending = endedBy === undefined ? `${state} on GitHub` : `${state} by ${endedBy}`
  await owned.save(state === 'open' ? reviveTask(task) : endTask(task, state, ending, deps.now()))
  await recordStatus(owned)
  return 'go-on'
}
