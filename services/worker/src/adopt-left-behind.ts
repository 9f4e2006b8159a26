import {
  adoptionDone,
  DevBotError,
  endTask,
  isMarkedFor,
  type LeftBehind,
  type LeftPull,
  objectIdSchema,
  parseCommitTrailers,
  pullsLeftFor,
  slugFor,
  type Task,
  type TaskMarker,
} from '@devbot/contracts'
import type { WorkerDeps } from './deps.ts'
import { lookBehind } from './look-behind.ts'
import type { OwnedTask } from './own-task.ts'
import { recordAdoptedRun } from './record-adopted-run.ts'
import { recordStatus } from './record-status.ts'
import { ownMarker, planIdentityOf } from './task-marker.ts'

/** Pull requests or branches that are looked at more closely for one plan; more than one is rare already. */
const MAX_CANDIDATES = 5

/**
 * Before a new task does anything: has an earlier ledger, since lost, already made its branch or pull request? What
 * bears this plan's mark, from our own identity and in this very repository, is gone on with. So a wiped Redis neither
 * makes a second pull request nor forgets what was asked for on the first.
 */
export async function adoptLeftBehind(deps: WorkerDeps, owned: OwnedTask): Promise<'go-on'> {
  const { repository } = owned.task
  const left = (await deps.ledger.leftBehind(repository)) ?? (await lookBehind(deps, repository))
  if (!(await adopted(deps, owned, left))) await owned.save(adoptionDone(owned.task))
  return 'go-on'
}

/**
 * The same once more, before a new branch is pushed: while this ledger was young, a worker of the lost one may still
 * have been at work. True when the task now goes on with what that worker made; its own branch is no find.
 */
export async function adoptedMeanwhile(deps: WorkerDeps, owned: OwnedTask): Promise<boolean> {
  const { task } = owned
  const known = await deps.ledger.leftBehind(task.repository)
  if (task.generation > 1 || known === undefined || known.atMs < task.acceptedAtMs) return false
  return adopted(deps, owned, await lookBehind(deps, task.repository), task.branch)
}

async function adopted(deps: WorkerDeps, owned: OwnedTask, left: LeftBehind, except?: string): Promise<boolean> {
  const plan = planIdentityOf(deps.settings, owned.task)
  for (const candidate of pullsLeftFor(plan, left).slice(0, MAX_CANDIDATES)) {
    if (await adoptPull(deps, owned, candidate, except)) return true
  }
  const branches = left.branches
    .map(({ name }) => name)
    .filter((name) => name !== except && (name === owned.task.branch || isNamedFor(name, owned.task.planPath)))
  for (const branch of branches.slice(-MAX_CANDIDATES).toReversed()) {
    if (await adoptBranch(deps, owned, branch)) return true
  }
  return false
}

/** As GitHub has it now: it may have changed since it was listed. */
async function adoptPull(deps: WorkerDeps, owned: OwnedTask, { number }: LeftPull, except?: string): Promise<boolean> {
  const pull = await deps.github.pullRequest(owned.task.repository, number)
  const { headBranch: branch, baseBranch, state, url, draft } = pull
  const marker = branch === except ? undefined : await ownMarker(deps, pull)
  const plan = planIdentityOf(deps.settings, owned.task)
  if (marker === undefined || pullsLeftFor(plan, { pulls: [{ number, state, marker }] }).length === 0) return false
  if (state === 'open') await recordAdoptedRun(deps, owned, { branch, baseBranch, marker })
  const { publication: _superseded, statusReason: _held, statusCode: _code, ...rest } = adoptionDone(owned.task)
  const inReview: Task = {
    ...rest,
    status: 'in-review',
    branch,
    baseBranch,
    headCommitId: objectIdSchema.parse(pull.headCommitId),
    pullRequest: { number, url, draft },
    rounds: marker.rounds ?? 0,
    planEdited: marker.planHash !== rest.planHash,
    reportDue: true,
  }
  const ending = pull.endedBy === undefined ? `${state} on GitHub` : `${state} by ${pull.endedBy}`
  const known = state === 'open' ? inReview : endTask(inReview, state, ending, deps.now())
  return goOnWith(owned, known, number)
}

/**
 * A branch with our commit and no pull request: the worker was killed in between, or the run ended unfinished and kept
 * its work there. Only who may write to the repository can put such a commit there.
 */
async function adoptBranch(deps: WorkerDeps, owned: OwnedTask, branch: string): Promise<boolean> {
  const marker = await markerOfHead(deps, owned.task, branch)
  if (marker === undefined) return false
  const { id: runId, commitId } = await recordAdoptedRun(deps, owned, { branch, marker })
  const { publication: _superseded, ...rest } = adoptionDone(owned.task)
  const kept: Task = { ...rest, branch, headCommitId: commitId, planEdited: marker.planHash !== rest.planHash }
  if (marker.unfinished !== undefined) {
    const reason = `its run ended early (${marker.unfinished}); the work so far is on the branch ${branch}, not verified`
    return goOnWith(owned, endTask(kept, 'given-up', reason, deps.now()))
  }
  // A held task opens it once a person says start.
  return goOnWith(owned, { ...kept, publication: { runId, commitId, expectedHeadId: commitId, openPullRequest: true } })
}

/** `<prefixes><slug of the plan's name>-<unix seconds>`, and `-2`... where two came in one second. */
function isNamedFor(branch: string, planPath: string): boolean {
  const name = branch.slice(branch.lastIndexOf('/') + 1)
  const slug = slugFor(planPath)
  return name.startsWith(`${slug}-`) && /^\d{9,12}(-\d{1,4})?$/.test(name.slice(slug.length + 1))
}

async function markerOfHead(deps: WorkerDeps, task: Task, branch: string): Promise<TaskMarker | undefined> {
  const { store } = await deps.repositories.open(task.repository)
  try {
    const marker = parseCommitTrailers(await store.commitMessage(await store.fetchBranch(branch)))
    return marker !== undefined && isMarkedFor(marker, planIdentityOf(deps.settings, task)) ? marker : undefined
  } catch (error) {
    // Deleted since it was listed.
    if (error instanceof DevBotError && error.code === 'git-branch-missing') return undefined
    throw error
  }
}

/** False when another living task has the branch or the pull request: that one goes on with it. */
async function goOnWith(owned: OwnedTask, task: Task, number?: number): Promise<boolean> {
  try {
    await owned.save({ ...task, adopted: true })
  } catch (error) {
    const isTaken = error instanceof DevBotError && ['branch-taken', 'pull-request-taken'].includes(error.code)
    if (isTaken) return false
    throw error
  }
  await owned.record({ kind: 'work-adopted', branch: task.branch, ...(number === undefined ? {} : { number }) })
  await recordStatus(owned)
  return true
}
