import { packInventory } from '@devbot/test-results'
import type { WorkerDeps } from '../deps.ts'
import type { OwnedTask } from '../own-task.ts'
import type { RunLog } from '../run-log.ts'
import { criteriaCommands, criteriaResults } from '../verification/criteria.ts'
import type { Work } from '../work-with-agent.ts'
import { type CheckInput, type CommandRun, runInCheckSandbox } from './check.ts'

type BaselineWork = Pick<Work, 'kind' | 'rules' | 'test' | 'source' | 'plan'> & Pick<CheckInput, 'ready' | 'setup'>

/**
 * Starts the test command on the base tree, and after it criteria and lint, beside the agent; only an implement run has a
 * "before" to find out. `done` never rejects: a baseline that cannot be had is noted, and the work goes on. Disposing
 * stops it.
 */
export function startBaseline(
  deps: WorkerDeps,
  owned: OwnedTask,
  log: RunLog,
  work: BaselineWork,
): AsyncDisposable & { readonly done: Promise<void> } {
  const stop = new AbortController()
  const signal = AbortSignal.any([owned.signal, stop.signal])
  // Of a run that goes on, it may be there.
  const isDue = work.kind === 'implement' && log.run.baseline === undefined
  const done = isDue ? runBaseline(deps, owned, log, work, signal) : Promise.resolve()
  return {
    done,
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await done
    },
  }
}

async function runBaseline(
  deps: WorkerDeps,
  owned: OwnedTask,
  log: RunLog,
  work: BaselineWork,
  signal: AbortSignal,
): Promise<void> {
  const { test, source, plan, ready, setup } = work
  if (test === undefined) {
    const note = 'no test command was found; say it in .devbot.yml or the plan (`test:`) to have the change verified'
    log.change({ notes: [...log.run.notes.filter((other) => other !== note), note] })
  }
  const criteria = { acceptance: plan.acceptance, lint: work.rules.lint }
  const tests = test === undefined ? [] : [{ kind: 'tests' as const, line: test.command }]
  const commands = [...tests, ...criteriaCommands(criteria)]
  if (commands.length === 0) return
  try {
    const { store, startTreeId, keptWork } = await source()
    const runs = await log.stage('baseline', (say) =>
      runInCheckSandbox(deps, owned, {
        plan,
        ready,
        setup,
        say,
        store,
        treeId: keptWork?.baseTreeId ?? startTreeId,
        commands,
        runId: log.run.id,
        signal,
      }),
    )
    const checks = runs.slice(tests.length).map(({ check }) => check)
    log.change(criteriaResults(criteria, 'before', checks, {}))
    if (tests.length > 0) await keepBaseline(log, runs[0])
  } catch (error) {
    if (signal.aborted) return
    deps.log.warn({ taskId: owned.task.id, error }, 'the baseline could not be run')
    log.change({ notes: [...log.run.notes, 'the tests could not be run on the base; there is no "before"'] })
  }
}

async function keepBaseline(log: RunLog, run: CommandRun | undefined): Promise<void> {
  if (run === undefined) return
  const baselineInventory = run.inventory === undefined ? undefined : packInventory(run.inventory)
  if (baselineInventory !== undefined) log.change({ baselineInventory })
  await log.check('baseline', run.check)
}
