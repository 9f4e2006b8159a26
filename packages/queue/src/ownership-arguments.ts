import type { TaskId } from '@devbot/contracts'
import type { Ownership } from './ledger.ts'

/** The arguments every script of owners begins with. */
export function ownershipArguments({ taskId, epoch, owner }: Ownership): readonly [TaskId, number, string] {
  return [taskId, epoch, owner]
}
