import { DevBotError } from '@devbot/contracts'
import { initThrowawayRepository, type Sandbox } from '@devbot/sandbox'
import type { WorkerDeps } from './deps.ts'
import { type OwnedTask, stopReason } from './own-task.ts'
import type { RunLog } from './run-log.ts'
import { sandboxSpec } from './stages/check.ts'
import type { Work } from './work-with-agent.ts'

/** Longest the repository's setup command may take, and what of its output is told when it fails. */
const SETUP_TIMEOUT_MS = 20 * 60_000
const MAX_SETUP_OUTPUT_BYTES = 16 * 1024

export type OpeningWorkspace = AsyncDisposable & {
  /** The sandbox once tree and setup are in it; throws what went wrong with that. */
  readonly sandbox: () => Promise<Sandbox>
}

/** Starts to make the agent sandbox at once and hands it out when it is ready. Disposing waits for it and removes it. */
export function openWorkspace(
  deps: WorkerDeps,
  owned: OwnedTask,
  log: RunLog,
  work: Pick<Work, 'source' | 'plan'>,
): OpeningWorkspace {
  let made: Sandbox | undefined
  const stop = new AbortController()
  const signal = AbortSignal.any([owned.signal, stop.signal])
  const opening = (async () => {
    made = await deps.sandboxes.create(sandboxSpec(deps, owned, 'agent', log.run.id), signal)
    const { store, startTreeId } = await work.source()
    await made.importTree(store.exportTree(startTreeId))
    if (work.plan.setup !== undefined) await log.stage('setup', () => runSetup(made, work.plan, signal))
    await made.markSetupDone()
    await initThrowawayRepository(made, { signal })
    return made
  })()
  // Whoever needs the sandbox gets the error; nobody may ask for it in a run that ends early.
  opening.catch(() => undefined)
  return {
    sandbox: () => opening,
    [Symbol.asyncDispose]: async () => {
      stop.abort(stopReason('task-may-have-ended', 'the run has ended'))
      await opening.catch(() => undefined)
      await made?.[Symbol.asyncDispose]()
    },
  }
}

async function runSetup(sandbox: Sandbox | undefined, plan: Work['plan'], signal: AbortSignal): Promise<void> {
  const result = await sandbox?.run(plan.setup ?? '', {
    ...(plan.workdir === undefined ? {} : { cwd: plan.workdir }),
    timeoutMs: SETUP_TIMEOUT_MS,
    maxOutputBytes: MAX_SETUP_OUTPUT_BYTES,
    signal,
  })
  if (result === undefined || result.exitCode === 0 || result.aborted) return
  throw new DevBotError({
    category: 'invalid-input',
    code: 'setup-failed',
    message: `the setup command failed (${result.timedOut ? 'out of time' : `exit code ${result.exitCode ?? 'unknown'}`}); mend it in the plan or the repository:\n${Buffer.from(result.output).toString('utf8').slice(-4000)}`,
  })
}
