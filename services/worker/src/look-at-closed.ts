import { endTask, reviveTask } from '@devbot/contracts'
import type { WorkerDeps } from './deps.ts'
import type { OwnedTask } from './own-task.ts'
import { recordStatus } from './record-status.ts'

/** Whether a person reopened a closed pull request, or reopened and merged it, and no webhook told of it. */
export async function lookAtClosed(
  deps: WorkerDeps,
  owned: OwnedTask,
  nextMs: number,
): Promise<'go-on' | { readonly dueAtMs: number; readonly reason: string }> {
  const { task } = owned
  if (task.pullRequest === undefined) return 'go-on'
  const { state, endedBy } = await deps.github.pullRequest(task.repository, task.pullRequest.number)
  if (state === 'closed') {
    return { dueAtMs: deps.now() + Math.max(nextMs, deps.settings.reconcileMs), reason: 'reconcile-closed' }
  }
  const ending = endedBy === undefined ? 'merged on GitHub' : `merged by ${endedBy}`
  await owned.save(state === 'open' ? reviveTask(task) : endTask(task, 'merged', ending, deps.now()))
  await recordStatus(owned)
  return 'go-on'
}
