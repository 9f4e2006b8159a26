import { branchNameProblem } from '@devbot/contracts'
import type { OwnedTask } from '../own-task.ts'
import type { RunLog } from '../run-log.ts'
import type { RunRules } from './run-rules.ts'

/** Writes down by which rules a run goes, before it does anything: in its record, and in the name of a new branch. */
export async function settleRules(owned: OwnedTask, log: RunLog, rules: RunRules): Promise<void> {
  log.change({
    model: rules.model,
    pullRequest: rules.pullRequest,
    notes: [...log.run.notes, ...rules.notes],
    ...(rules.test === undefined ? {} : { testCommandWhy: rules.test.why.slice(0, 300) }),
  })
  await moveBranch(owned, rules)
}

/**
 * Puts the branch under the policy's prefix as long as nothing was pushed and the plan has not named it. The prefix lies
 * under the operator's (`judgePolicy`), so the name stays within what DevBot may touch.
 */
async function moveBranch(owned: OwnedTask, { branchPrefix, plan }: RunRules): Promise<void> {
  const { branch, headCommitId, publication, pullRequest } = owned.task
  if (branchPrefix === undefined || plan.branch !== undefined || branch.startsWith(branchPrefix)) return
  if (headCommitId !== undefined || publication !== undefined || pullRequest !== undefined) return
  const moved = `${branchPrefix}${branch.slice(branch.lastIndexOf('/') + 1)}`
  if (branchNameProblem(moved) === undefined) await owned.save({ ...owned.task, branch: moved })
}
