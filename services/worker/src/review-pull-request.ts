import { endTask, holdTask } from '@devbot/contracts'
import { collectRound } from './collect-round.ts'
import type { WorkerDeps } from './deps.ts'
import type { OwnedTask } from './own-task.ts'
import { recordStatus } from './record-status.ts'
import { reviseFromFeedback } from './revise-from-feedback.ts'
import { untilSandboxes } from './until-sandboxes.ts'
import { untilRoundAllowed, untilTomorrow } from './until-tomorrow.ts'

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
  const round = await collectRound(deps, owned, task.pullRequest.number)
  if (round === 'commands-came') return 'go-on'
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
    const later =
      (await untilTomorrow(deps)) ?? (await untilSandboxes(deps, owned)) ?? (await untilRoundAllowed(deps, owned))
    // Closes and merges are looked for all the while.
    if (later !== undefined)
      return { ...later, dueAtMs: Math.min(later.dueAtMs, deps.now() + deps.settings.reconcileMs) }
    await reviseFromFeedback(deps, owned, pull, round)
    return 'go-on'
  }
  const { failedAttempts, statusCode } = owned.task
  if (failedAttempts > 0 || statusCode !== undefined) await owned.save(settled(owned.task))
  return { dueAtMs: deps.now() + deps.settings.reconcileMs, reason: 'reconcile' }
}

function settled(task: OwnedTask['task']): OwnedTask['task'] {
  const { statusReason: _waited, statusCode: _code, notBeforeMs: _wait, ...rest } = task
  return { ...rest, failedAttempts: 0 }
}
