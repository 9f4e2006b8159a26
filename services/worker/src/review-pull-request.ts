import { endTask, type FeedbackRow, holdTask } from '@devbot/contracts'
import type { Permission } from '@devbot/github'
import type { WorkerDeps } from './deps.ts'
import { authorsToAsk, feedbackRowFor, judgeFeedback, withoutOwn } from './feedback-rows.ts'
import type { OwnedTask } from './own-task.ts'
import { recordStatus } from './record-status.ts'
import { reviseFromFeedback } from './revise-from-feedback.ts'
import { untilTomorrow } from './until-tomorrow.ts'

/**
 * Looks at the pull request as GitHub has it now, whatever webhooks said or did not say: it may have ended, and people
 * may have asked for something. This is the reconciler's step too: it comes again after `reconcileMs`.
 */
export async function reviewPullRequest(
  deps: WorkerDeps,
  owned: OwnedTask,
): Promise<'go-on' | { readonly dueAtMs: number; readonly reason: string }> {
  const { task } = owned
  if (task.pullRequest === undefined) return 'go-on'
  const pull = await deps.github.pullRequest(task.repository, task.pullRequest.number)
  if (pull.state !== 'open') {
    await owned.save(
      endTask(
        task,
        pull.state,
        pull.endedBy === undefined ? `${pull.state} on GitHub` : `${pull.state} by ${pull.endedBy}`,
        deps.now(),
      ),
    )
    await recordStatus(owned)
    return 'go-on'
  }
  await collectFeedback(deps, owned, task.pullRequest.number)
  const round = await judgeOpenFeedback(deps, owned)
  if (round.length > 0 || owned.task.planEdited) {
    if (owned.task.rounds >= deps.settings.maxRounds) {
      await owned.save(
        holdTask(
          owned.task,
          `${owned.task.rounds} feedback rounds are done, the limit (MAX_ROUNDS); raise it or take over the branch`,
        ),
      )
      await recordStatus(owned)
      return 'go-on'
    }
    const tomorrow = await untilTomorrow(deps)
    if (tomorrow !== undefined) return tomorrow
    await reviseFromFeedback(deps, owned, pull, round)
    return 'go-on'
  }
  if (owned.task.failedAttempts > 0) await owned.save(settled(owned.task))
  return { dueAtMs: deps.now() + deps.settings.reconcileMs, reason: 'reconcile' }
}

function settled(task: OwnedTask['task']): OwnedTask['task'] {
  const { statusReason: _waited, notBeforeMs: _wait, ...rest } = task
  return { ...rest, failedAttempts: 0 }
}

async function collectFeedback(deps: WorkerDeps, owned: OwnedTask, pullNumber: number): Promise<void> {
  const [listed, ownLogin] = await Promise.all([
    deps.github.listFeedback(owned.task.repository, pullNumber),
    deps.github.login(),
  ])
  const items = withoutOwn(listed, ownLogin)
  const added = new Set(await deps.ledger.addFeedback(owned.ownership, items.map(feedbackRowFor)))
  for (const item of items.filter(({ id }) => added.has(id))) {
    await owned.record({ kind: 'feedback-received', feedbackId: item.id, author: item.author })
  }
}

/** Judges what nobody judged yet, with each author's permission asked now. What is dropped stays in the ledger with its reason. */
async function judgeOpenFeedback(deps: WorkerDeps, owned: OwnedTask): Promise<readonly FeedbackRow[]> {
  const { task } = owned
  const open = ((await deps.ledger.details(task.id))?.feedback ?? []).filter((row) => row.state === 'open')
  if (open.length === 0) return []
  const ownLogin = await deps.github.login()
  const permissions = new Map<string, Permission>()
  for (const author of authorsToAsk(open, ownLogin))
    permissions.set(author, await deps.github.permissionOf(task.repository, author))
  const { round, dropped } = judgeFeedback(open, { ownLogin, permissions })
  await deps.ledger.updateFeedback(owned.ownership, dropped)
  for (const { item, reason } of dropped) {
    await owned.record({ kind: 'feedback-dropped', feedbackId: item.id, author: item.author, reason: reason ?? '' })
  }
  return round
}
