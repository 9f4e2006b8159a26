import { DevBotError, type InboxItem, taskIdSchema } from '@devbot/contracts'
import { inboxEntryFor } from './inbox-entry.ts'
import type { DeliveryTarget, FeedbackIntakeLedger } from './ledger.ts'
import { indexedRepository } from './ledger-keys.ts'
import { inboxFull } from './plan-intake-ledger.ts'
import type { ScriptRunner } from './redis/script-runner.ts'
import { readKind, unexpectedReply } from './script-reply.ts'

/** The ingress' side of the ledger. */
export function createFeedbackIntakeLedger(scripts: ScriptRunner): FeedbackIntakeLedger {
  return { deliver: (target, item, settleMs) => deliver(scripts, target, item, settleMs) }
}

async function deliver(
  scripts: ScriptRunner,
  target: DeliveryTarget,
  item: InboxItem,
  settleMs: number,
): ReturnType<FeedbackIntakeLedger['deliver']> {
  checkDeliverable(target, item)
  const { kind, id, json } = inboxEntryFor(item)
  const { repository, branch = '', pullNumber = '' } = target
  const args = [indexedRepository(repository), branch, pullNumber, kind, id, json, settleMs]
  const answer = readKind(await scripts.run('deliver', ...args))
  const taskId = answer.rest[0] ? taskIdSchema.parse(answer.rest[0]) : undefined
  if (answer.kind === 'full' && taskId !== undefined) throw inboxFull(taskId)
  const known = taskId === undefined ? {} : { taskId }
  if (answer.kind === 'added' || answer.kind === 'duplicate' || answer.kind === 'stored') {
    return { kind: answer.kind, ...known }
  }
  throw unexpectedReply(answer.kind)
}

const DELIVERABLE: readonly InboxItem['kind'][] = ['feedback', 'comment-command', 'pull-request']

/** News of a plan come from the plan folder, which knows the task. */
function checkDeliverable(target: DeliveryTarget, item: InboxItem): void {
  const addressed = Boolean(target.branch) || target.pullNumber !== undefined
  if (addressed && DELIVERABLE.includes(item.kind)) return
  throw new DevBotError({
    category: 'bug',
    code: 'delivery-invalid',
    message: `expected feedback, a command or a pull request's event with a branch or number, got ${item.kind} for ${JSON.stringify(target)}`,
  })
}
