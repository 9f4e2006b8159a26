import { type PlanIdentity, parsePullRequestMarker, planOriginFor, type Task, type TaskMarker } from '@devbot/contracts'
import type { PullRequest } from '@devbot/github'
import type { WorkerDeps, WorkerSettings } from './deps.ts'

/** By what the task's pull request, branch and commits are found again when the ledger is lost. */
export function planIdentityOf({ instance }: Pick<WorkerSettings, 'instance'>, task: Task): PlanIdentity {
  const { id: taskId, planHash, repository, planPath } = task
  return { taskId, planHash, origin: planOriginFor({ instance, repository, planPath }) }
}

/** The marker of a pull request, where it is ours: anybody can copy a marker, nobody else opens one in our name. */
export async function ownMarker(
  deps: Pick<WorkerDeps, 'github' | 'settings'>,
  pull: PullRequest,
): Promise<TaskMarker | undefined> {
  const isOurs =
    pull.headInRepository &&
    pull.headBranch.startsWith(deps.settings.branchPrefix) &&
    pull.author.toLowerCase() === (await deps.github.login()).toLowerCase()
  return isOurs ? parsePullRequestMarker(pull.body) : undefined
}
