import { isDeepStrictEqual } from 'node:util'
import {
  DevBotError,
  type ObjectId,
  objectIdSchema,
  type Plan,
  parsePlan,
  type RunRecord,
  type TaskId,
} from '@devbot/contracts'
import type { RepositoryStore } from '@devbot/git'
import type { RepositoryFacts } from '@devbot/github'
import type { WorkerDeps } from '../deps.ts'
import type { OwnedTask } from '../own-task.ts'
import { type BaseFiles, lookFrom, readBaseFiles } from '../policy/base-files.ts'
import { readPolicy } from '../policy/read-policy.ts'
import { type RuleSettings, type RunRules, rulesForRun, workdirFor } from '../policy/run-rules.ts'

/** Where a run starts: a commit in the bare store, the base it will be compared with, and what the base says of the work. */
export type Source = {
  readonly facts: RepositoryFacts
  readonly store: RepositoryStore
  readonly baseBranch: string
  readonly baseCommitId: ObjectId
  /** The commit the run builds on: the base's for an implement run, the pull request's head for a revise run. */
  readonly startCommitId: ObjectId
  readonly startTreeId: ObjectId
  /**
   * Present when an implement run goes on with what an earlier one left on the task's branch: `startCommitId` is the
   * branch's head, and only a tree that equals the base's means that nothing was done.
   */
  readonly keptWork?: { readonly baseTreeId: ObjectId }
  /** What is known of the newest commit of the base branch; policy, instructions and test command come from nowhere else. */
  readonly base: BaseFiles
  readonly rules: RunRules
}

type PrepareDeps = Pick<WorkerDeps, 'repositories'> & { readonly settings: RuleSettings }

/**
 * The base branch as the store knows it, and what brings it up to date. The first is enough to ask the model a first
 * question; everything that is tested or pushed starts from the second. `run`: one that was cut off goes on from its commit
 * and nowhere else. The first is undefined when the branch never was fetched
 * or when its policy then was not valid: that may have been mended. Throws `permission` when the repository cannot be worked
 * on; `fetch` throws `invalid-input`, `policy-invalid`, and `conflict`, `policy-changed`, when the run would now go by
 * other rules than it began with.
 */
export async function prepareImplement(
  deps: PrepareDeps,
  owned: Pick<OwnedTask, 'task' | 'signal'>,
  plan: Plan,
  run: Pick<RunRecord, 'startCommitId' | 'baseBranch'> = {},
): Promise<{ readonly known: Source | undefined; readonly fetch: () => Promise<Source> }> {
  const { facts, store } = await deps.repositories.open(owned.task.repository, owned.signal)
  assertWorkable(facts)
  const baseBranch = plan.base ?? facts.defaultBranch
  const sourceAt = async (baseCommitId: ObjectId): Promise<Source> => {
    const [startTreeId, said] = await Promise.all([
      store.treeOf(baseCommitId),
      readRules(deps.settings, { store, plan, baseBranch, commitId: baseCommitId }),
    ])
    return { facts, store, baseBranch, baseCommitId, startCommitId: baseCommitId, startTreeId, ...said }
  }
  const { startCommitId: begunAt } = run
  if (run.baseBranch !== undefined && run.baseBranch !== baseBranch) throw otherBase(run.baseBranch, baseBranch)
  if (await hasKeptWork(owned.task, store)) {
    return { known: undefined, fetch: () => goOnWithKeptWork(deps, owned, plan, baseBranch, begunAt) }
  }
  if (begunAt !== undefined) return goOnFrom(store, baseBranch, begunAt, sourceAt)
  const knownId = await store.knownHead(baseBranch)
  const known = knownId === undefined ? undefined : await sourceAt(knownId).catch(notYetValid)
  return {
    known,
    fetch: async () => {
      const baseCommitId = await store.fetchBranch(baseBranch)
      if (baseCommitId === known?.baseCommitId) return known
      const fetched = await sourceAt(baseCommitId)
      if (known !== undefined && !isDeepStrictEqual(known.rules, fetched.rules)) throw rulesChanged(baseBranch)
      return fetched
    },
  }
}

function otherBase(before: string, now: string): DevBotError {
  return new DevBotError({
    category: 'conflict',
    code: 'run-outdated',
    message: `the plan's base is ${now} now, and was ${before} when the interrupted run began; it starts again`,
  })
}

async function goOnFrom(
  store: RepositoryStore,
  baseBranch: string,
  begunAt: string,
  sourceAt: (commitId: ObjectId) => Promise<Source>,
): Promise<{ readonly known: Source | undefined; readonly fetch: () => Promise<Source> }> {
  const commitId = objectIdSchema.parse(begunAt)
  const known = (await store.hasCommit(commitId)) ? await sourceAt(commitId) : undefined
  return {
    known,
    fetch: async () => {
      if (known !== undefined) return known
      await store.fetchBranch(baseBranch)
      if (await store.hasCommit(commitId)) return sourceAt(commitId)
      throw new DevBotError({
        category: 'conflict',
        code: 'run-outdated',
        message: `${baseBranch} no longer has the commit ${commitId} that the interrupted run began with; it starts again`,
      })
    },
  }
}

/** A branch that somebody deleted meanwhile holds nothing to go on with. */
async function hasKeptWork(task: OwnedTask['task'], store: RepositoryStore): Promise<boolean> {
  if (task.headCommitId === undefined || task.pullRequest !== undefined) return false
  return (await store.remoteHead(task.branch)) !== undefined
}

async function goOnWithKeptWork(
  deps: PrepareDeps,
  owned: Pick<OwnedTask, 'task' | 'signal'>,
  plan: Plan,
  baseBranch: string,
  begunAt: string | undefined,
): Promise<Source> {
  const source = await prepareRevise(deps, owned, plan, { baseBranch })
  if (begunAt === undefined || begunAt === source.startCommitId) {
    return { ...source, keptWork: { baseTreeId: await source.store.treeOf(source.baseCommitId) } }
  }
  throw new DevBotError({
    category: 'conflict',
    code: 'run-outdated',
    message: `the branch moved to ${source.startCommitId} while the run was interrupted; it starts again from there`,
  })
}

/** What the base said when it was last fetched may have been mended since: the fetch decides. */
function notYetValid(error: unknown): undefined {
  if (error instanceof DevBotError && error.category === 'invalid-input') return undefined
  throw error
}

function rulesChanged(baseBranch: string): DevBotError {
  return new DevBotError({
    category: 'conflict',
    code: 'policy-changed',
    message: `the policy on ${baseBranch}, or what tells how to test it, changed while the run began; it starts again by the new one`,
  })
}

/**
 * Brings base and task branch into the store; the run builds on whatever the branch points at now, whoever put it there.
 * Its rules are those of the base branch: what the pull request says of itself has no effect until it is merged.
 */
export async function prepareRevise(
  deps: PrepareDeps,
  owned: Pick<OwnedTask, 'task' | 'signal'>,
  plan: Plan,
  pull: { readonly baseBranch: string },
): Promise<Source> {
  const { facts, store } = await deps.repositories.open(owned.task.repository, owned.signal)
  assertWorkable(facts)
  const { baseBranch } = pull
  const baseHeadId = await store.fetchBranch(baseBranch)
  const startCommitId = await store.fetchBranch(owned.task.branch)
  const [mergeBaseId, startTreeId, said] = await Promise.all([
    store.mergeBase(baseHeadId, startCommitId),
    store.treeOf(startCommitId),
    readRules(deps.settings, { store, plan, baseBranch, commitId: baseHeadId }),
  ])
  return { facts, store, baseBranch, baseCommitId: mergeBaseId ?? baseHeadId, startCommitId, startTreeId, ...said }
}

async function readRules(
  settings: RuleSettings,
  at: {
    readonly store: RepositoryStore
    readonly plan: Plan
    readonly baseBranch: string
    readonly commitId: ObjectId
  },
): Promise<Pick<Source, 'base' | 'rules'>> {
  const { store, plan, baseBranch, commitId } = at
  const read = await readBaseFiles(store, commitId, plan.workdir)
  const found = readPolicy(read, baseBranch)
  const workdir = workdirFor(plan, found.policy)
  const base = workdir === undefined || workdir === plan.workdir ? read : await lookFrom(store, commitId, read, workdir)
  return { base, rules: rulesForRun(settings, plan, found, base, baseBranch) }
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
