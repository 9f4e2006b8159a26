import { setTimeout as sleep } from 'node:timers/promises'
import type { Pause, PauseLedger } from '@devbot/queue'
import type { Activity } from './activity.ts'
import type { WorkerDeps } from './deps.ts'

/** How often a worker reports; `devbot stop --all` is proved within some of these. */
const PERIOD_MS = 1_000
/** Longer than a lease: one that is cut off from the ledger goes on with its last turn until its lease has ended. */
const KEPT_BEYOND_LEASE_MS = 5_000
/** After this much of a pause a run that is still there hangs, or its worker is dead: its sandboxes go, whatever its lease. */
const PATIENCE_MS = 5_000

export type ActivityReporter = {
  /** Whether everything has been paused for so long that nothing may be left of any run. */
  readonly nothingMayBeLeft: () => boolean
  readonly close: () => Promise<void>
}

/**
 * Tells the ledger every second what this worker has under way. While everything is paused it removes at once what nobody
 * owns, and tells how many sandboxes of the instance are still there: that is what the proof of a stop is made of.
 */
export function reportActivity(
  deps: Pick<WorkerDeps, 'sandboxes'> & { readonly ledger: Pick<PauseLedger, 'reportWorker'> },
  activity: Pick<Activity, 'tasks' | 'modelCalls'>,
  options: { readonly id: string; readonly leaseMs: number; readonly onError: (error: unknown) => void },
): ActivityReporter {
  const stopping = new AbortController()
  let pause: Pause | undefined
  let heardAtMs = 0

  const report = async () => {
    const heard = pause
    const found = heard === undefined ? {} : await lookForSandboxes(deps)
    const told = { id: options.id, tasks: activity.tasks(), modelCalls: activity.modelCalls(), ...found }
    const heardPauseMs = heard === undefined ? {} : { heardPauseMs: heard.sinceMs }
    pause = await deps.ledger.reportWorker({ ...told, ...heardPauseMs }, options.leaseMs + KEPT_BEYOND_LEASE_MS)
    if (pause?.sinceMs !== heard?.sinceMs) heardAtMs = performance.now()
  }
  const loop = async () => {
    while (!stopping.signal.aborted) {
      await report().catch(options.onError)
      // Ends early, by rejecting, only when the worker closes.
      await sleep(PERIOD_MS, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
    // The last word, kept for long: nothing is under way any more.
    await report().catch(options.onError)
  }
  const ended = loop()
  return {
    nothingMayBeLeft: () => pause !== undefined && performance.now() - heardAtMs > PATIENCE_MS,
    close: () => {
      stopping.abort()
      return ended
    },
  }
}

/** What cannot be looked at is said, not counted as nothing. */
async function lookForSandboxes({ sandboxes }: Pick<WorkerDeps, 'sandboxes'>) {
  try {
    await sandboxes.reap()
    return { sandboxes: await sandboxes.count() }
  } catch (error) {
    return { problem: `sandboxes cannot be counted: ${error instanceof Error ? error.message : error}`.slice(0, 1000) }
  }
}
