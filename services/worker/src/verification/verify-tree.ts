import { type CheckResult, type Concern, checkPassed, type ObjectId, type RunRecord } from '@devbot/contracts'
import { compareInventories, type TestInventory, unpackInventory } from '@devbot/test-results'
import type { WorkerDeps } from '../deps.ts'
import type { OwnedTask } from '../own-task.ts'
import { scopeConcerns } from '../policy/scope.ts'
import type { RunLog } from '../run-log.ts'
import { type CheckCommand, type CheckInput, type CommandRun, runInCheckSandbox } from '../stages/check.ts'
import type { Work } from '../work-with-agent.ts'
import { changedFiles, changedPaths } from './changed-files.ts'
import { criteriaCommands, criteriaConcerns, criteriaProblem, criteriaResults } from './criteria.ts'
import { inventoryConcerns } from './inventory-concerns.ts'
import type { Problem } from './problem.ts'
import { tamperConcerns } from './tamper-concerns.ts'

export type VerifiedWork = Work & Pick<CheckInput, 'ready' | 'setup'>

/**
 * What the worker finds out about a tree by itself, each thing once per tree: the tests, in a sandbox of their own; then
 * criteria and lint, in another one, so that nothing the tests do can make them pass; and what a person should look at.
 * All of it goes into the run's record.
 */
export function createTreeVerification(deps: WorkerDeps, owned: OwnedTask, log: RunLog, work: VerifiedWork) {
  const earlier = work.earlier ?? []
  const criteria = { acceptance: work.plan.acceptance, lint: work.rules.lint }
  let concernsOfTree: { readonly treeId: ObjectId; readonly concerns: readonly Concern[] } | undefined
  let criteriaOfTree: { readonly treeId: ObjectId; readonly problem: Problem | undefined } | undefined

  const run = async (treeId: ObjectId, commands: readonly CheckCommand[], say: CheckInput['say']) => {
    const { plan, ready, setup } = work
    const { store } = await work.source()
    const { signal } = owned
    return runInCheckSandbox(deps, owned, {
      plan,
      ready,
      setup,
      say,
      store,
      treeId,
      commands,
      signal,
      runId: log.run.id,
    })
  }

  /** What the change itself shows, and what the runner's list does. */
  const examine = async (treeId: ObjectId, tests: CommandRun | undefined): Promise<Partial<RunRecord>> => {
    const { store, baseCommitId, startTreeId, keptWork } = await work.source()
    const { paths, files, leftOut } = await changedFiles(store, await store.treeOf(baseCommitId), treeId)
    const before = inventoryBefore(log.run, earlier)
    const after = tests?.inventory
    const evidence = after === undefined ? undefined : compareInventories(before, after)
    // Red tests speak for themselves: a build that fails has no list.
    const passed = tests !== undefined && checkPassed(tests.check)
    const byList = passed || evidence?.compared === true ? inventoryConcerns(before, evidence, after) : []
    const aboutTests = work.plan.allow_test_changes === true ? [] : [...tamperConcerns(files), ...byList]
    const ofRun = new Set(await changedPaths(store, keptWork?.baseTreeId ?? startTreeId, treeId))
    const concerns = [...aboutTests, ...scopeConcerns(paths, work.rules.scopes)].filter(
      ({ path }) => path === undefined || ofRun.has(path) || isListed(path, earlier),
    )
    concernsOfTree = { treeId, concerns }
    return {
      ...(leftOut === 0
        ? {}
        : {
            notes: withNote(
              log.run.notes,
              `${leftOut} changed files of tests were too large or too many to be looked at for weakened tests`,
            ),
          }),
      examinedTreeId: treeId,
      evidence,
      concerns: bounded(concerns),
    }
  }

  return {
    /** The tests' result; undefined where no test command is known. */
    async tests(treeId: ObjectId, say: CheckInput['say']): Promise<CheckResult | undefined> {
      if (concernsOfTree?.treeId === treeId) return log.run.verification
      const [tests] =
        work.test === undefined ? [] : await run(treeId, [{ kind: 'tests', line: work.test.command }], say)
      log.change({
        ...(await examine(treeId, tests)),
        ...criteriaResults(criteria, 'after', [], knownCriteria(log.run, earlier)),
      })
      if (tests === undefined) await log.save()
      else await log.check('verification', tests.check)
      return tests?.check
    },
    /** What is wrong with criteria and lint; run after the tests. */
    async criteria(treeId: ObjectId, say: CheckInput['say']): Promise<Problem | undefined> {
      if (criteriaOfTree?.treeId === treeId) return criteriaOfTree.problem
      const commands = criteriaCommands(criteria)
      if (commands.length === 0) return undefined
      const runs = await run(treeId, commands, say)
      const checks = runs.map(({ check }) => check)
      const results = criteriaResults(criteria, 'after', checks, knownCriteria(log.run, earlier))
      const concerns = [...(concernsOfTree?.concerns ?? []), ...criteriaConcerns(results)]
      log.change({ ...results, concerns: bounded(concerns) })
      await log.save()
      criteriaOfTree = { treeId, problem: criteriaProblem(results, runs) }
      return criteriaOfTree.problem
    },
    /** Of the tree that was looked at last, those that the agent can do something about by taking changes back. */
    concerns: (): readonly Concern[] => concernsOfTree?.concerns ?? [],
  }
}

/** What an earlier run was told of stays a concern; what only people pushed to the branch never was one. */
function isListed(path: string, earlier: readonly RunRecord[]): boolean {
  return earlier.some(({ concerns = [] }) => concerns.some((concern) => concern.path === path))
}

/** The list of this run's baseline, else of the newest run that had one. */
function inventoryBefore(run: RunRecord, earlier: readonly RunRecord[]): TestInventory | undefined {
  const packed = [...earlier, run].findLast((known) => known.baselineInventory !== undefined)?.baselineInventory
  return packed === undefined ? undefined : unpackInventory(packed)
}

function knownCriteria(run: RunRecord, earlier: readonly RunRecord[]) {
  const of = [...earlier, run].findLast((known) => known.acceptance !== undefined || known.lint !== undefined)
  return {
    ...(of?.acceptance === undefined ? {} : { acceptance: of.acceptance }),
    ...(of?.lint === undefined ? {} : { lint: of.lint }),
  }
}

/** Concerns that a record keeps; `runRecordSchema` says so too. */
function bounded(concerns: readonly Concern[]): Concern[] {
  return concerns.slice(0, 200)
}

function withNote(notes: readonly string[], note: string): string[] {
  return notes.includes(note) ? [...notes] : [...notes, note]
}

/** Whether the tests were red before: then they may have nothing to do with the plan. */
export function redBefore(run: RunRecord, before: CheckResult | undefined): boolean {
  const baseline = run.baseline ?? before
  return baseline !== undefined && !checkPassed(baseline)
}
