import { DevBotError, type ObjectId, type Plan, parsePlan, type TaskId } from '@devbot/contracts'
import type { RepositoryStore } from '@devbot/git'
import type { RepositoryFacts } from '@devbot/github'
import type { WorkerDeps } from '../deps.ts'
import type { OwnedTask } from '../own-task.ts'

/** Where a run starts: a commit in the bare store, and the base it will be compared with. */
export type Source = {
  readonly facts: RepositoryFacts
  readonly store: RepositoryStore
  readonly baseBranch: string
  readonly baseCommitId: ObjectId
  /** The commit the run builds on: the base's for an implement run, the pull request's head for a revise run. */
  readonly startCommitId: ObjectId
  readonly startTreeId: ObjectId
}

/**
 * The base branch as the store knows it (undefined when it never was fetched), and what brings it up to date. The first
 * is enough to ask the model a first question; everything that is tested or pushed starts from the second. Throws
 * `permission` when the repository cannot be worked on.
 */
export async function prepareImplement(
  deps: WorkerDeps,
  owned: OwnedTask,
  plan: Plan,
): Promise<{ readonly known: Source | undefined; readonly fetch: () => Promise<Source> }> {
  const { facts, store } = await deps.repositories.open(owned.task.repository)
  assertWorkable(facts)
  const baseBranch = plan.base ?? facts.defaultBranch
  const sourceAt = async (baseCommitId: ObjectId): Promise<Source> => ({
    facts,
    store,
    baseBranch,
    baseCommitId,
    startCommitId: baseCommitId,
    startTreeId: await store.treeOf(baseCommitId),
  })
  const knownId = await store.knownHead(baseBranch)
  return {
    known: knownId === undefined ? undefined : await sourceAt(knownId),
    fetch: async () => sourceAt(await store.fetchBranch(baseBranch)),
  }
}

/** Brings base and task branch into the store; the run builds on whatever the branch points at now, whoever put it there. */
export async function prepareRevise(
  deps: WorkerDeps,
  owned: OwnedTask,
  pull: { readonly baseBranch: string },
): Promise<Source> {
  const { facts, store } = await deps.repositories.open(owned.task.repository)
  assertWorkable(facts)
  const baseHeadId = await store.fetchBranch(pull.baseBranch)
  const startCommitId = await store.fetchBranch(owned.task.branch)
  const baseCommitId = (await store.mergeBase(baseHeadId, startCommitId)) ?? baseHeadId
  return {
    facts,
    store,
    baseBranch: pull.baseBranch,
    baseCommitId,
    startCommitId,
    startTreeId: await store.treeOf(startCommitId),
  }
}

function assertWorkable(facts: RepositoryFacts): void {
  if (facts.archived) {
    throw new DevBotError({
      category: 'permission',
      code: 'repository-archived',
      message: `${facts.name} is archived; unarchive it, then start the task again`,
    })
  }
  if (!facts.canPush) {
    throw new DevBotError({
      category: 'permission',
      code: 'repository-not-writable',
      message: `the GitHub credentials may not push to ${facts.name}; grant them write access to contents and pull requests, then start the task again`,
    })
  }
}

/** The task's plan. It was valid when it was accepted; that it no longer parses means a newer or older DevBot wrote it. */
export async function planOf(
  deps: Pick<WorkerDeps, 'ledger'>,
  taskId: TaskId,
  planPath: string,
): Promise<{ readonly plan: Plan; readonly text: string }> {
  const text = await deps.ledger.planText(taskId)
  const parsed = parsePlan(Buffer.from(text), planPath)
  if (parsed.ok) return { plan: parsed.plan, text }
  throw new DevBotError({
    category: 'invalid-input',
    code: 'plan-unreadable',
    message: `the accepted plan is no longer valid: ${parsed.problems.map(({ field, problem }) => `${field}: ${problem}`).join('; ')}`,
  })
}
