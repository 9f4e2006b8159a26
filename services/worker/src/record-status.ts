import type { OwnedTask } from './own-task.ts'

/** Tells everybody who follows the task what its status is now, and why. */
export async function recordStatus(owned: OwnedTask): Promise<void> {
  const { status, statusReason } = owned.task
  await owned.record({
    kind: 'status-changed',
    status,
    ...(statusReason === undefined ? {} : { reason: statusReason }),
  })
}
