import type { WorkerDeps } from '../deps.ts'
import type { OwnedTask } from '../own-task.ts'
import type { RunLog } from '../run-log.ts'
import type { Work } from '../work-with-agent.ts'
import { type CheckInput, runCheck } from './check.ts'

type BaselineWork = Pick<Work, 'kind' | 'test' | 'source' | 'plan'> & Pick<CheckInput, 'ready' | 'setup'>

/**
 * Starts the test command on the base tree, beside the agent; only an implement run has a "before" to find out. `done`
 * never rejects: a baseline that cannot be had is noted, and the work goes on. Disposing stops it.
 */
export function startBaseline(
  deps: WorkerDeps,
  owned: OwnedTask,
  log: RunLog,
  work: BaselineWork,
): AsyncDisposable & { readonly done: Promise<void> } {
  const stop = new AbortController()
  const signal = AbortSignal.any([owned.signal, stop.signal])
  const done = work.kind === 'implement' ? runBaseline(deps, owned, log, work, signal) : Promise.resolve()
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
    log.change({
      notes: [...log.run.notes, 'no test command was found; say it in the plan (`test:`) to have the change verified'],
    })
    return
  }
  try {
    const { store, startTreeId } = await source()
    const baseline = await log.stage('baseline', (say) =>
      runCheck(deps, owned, {
        plan,
        ready,
        setup,
        say,
        store,
        treeId: startTreeId,
        command: test.command,
        runId: log.run.id,
        signal,
      }),
    )
    await log.check('baseline', baseline)
  } catch (error) {
    if (signal.aborted) return
    deps.log.warn({ taskId: owned.task.id, error }, 'the baseline could not be run')
    log.change({ notes: [...log.run.notes, 'the tests could not be run on the base; there is no "before"'] })
  }
}
