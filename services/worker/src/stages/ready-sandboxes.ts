import { setTimeout as delay } from 'node:timers/promises'
import type { WorkerDeps } from '../deps.ts'
import type { RunLog } from '../run-log.ts'

/** Two or three questions to the engine take some hundredths of a second; what takes longer is a pull, and is shown. */
const SHOWN_AFTER_MS = 1_000

/**
 * Waits until sandboxes can be made: the engine answers and its images are there, pulled if need be. Returns what
 * programs they have, as an id. Throws `sandbox`.
 */
export async function readySandboxes(
  deps: Pick<WorkerDeps, 'sandboxes'>,
  log: Pick<RunLog, 'stage'>,
  signal: AbortSignal,
): Promise<string> {
  const preparing = deps.sandboxes.prepare(signal)
  const quick = new AbortController()
  const slow = delay(SHOWN_AFTER_MS, 'slow' as const, { signal: quick.signal }).catch(() => 'quick' as const)
  try {
    if ((await Promise.race([preparing, slow])) === 'slow') {
      await log.stage('prepare', () => preparing, 'the sandbox images')
    }
    return (await preparing).environmentId
  } finally {
    quick.abort()
  }
}
