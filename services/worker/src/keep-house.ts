import type { WorkerDeps } from './deps.ts'
import { repeat } from './repeat.ts'

const RETIRE_PERIOD_MS = 60_000
/** Longest the start waits for the first look, and a stop for the running one: an engine that hangs holds up neither. */
const PATIENCE_MS = 5_000
const DAY_MS = 24 * 3_600_000

export type Housekeeping = { readonly close: () => Promise<void> }

/**
 * Looks after the sandboxes (images made ready once, leftovers removed) and shrinks tasks that ended long ago: at once and
 * then periodically, each by itself, so that an engine or a Redis that hangs holds up only its own part.
 */
export async function keepHouse(
  deps: Pick<WorkerDeps, 'sandboxes' | 'ledger' | 'log' | 'now'>,
  options: {
    readonly retentionDays: number
    /**
     * How often sandboxes of dead owners are removed: what a killed worker leaves is gone one lease and one such period
     * after its death. Asking costs the engine two listings.
     */
    readonly reapPeriodMs: number
    readonly onError: (error: unknown) => void
  },
): Promise<Housekeeping> {
  const stopping = new AbortController()
  const readiness = repeat(() => readyImages(deps, stopping.signal), options.reapPeriodMs, options.onError)
  const reaping = repeat(() => reap(deps), options.reapPeriodMs, options.onError)
  const retiring = repeat(() => retire(deps, options.retentionDays), RETIRE_PERIOD_MS, options.onError)
  const all = [readiness, reaping, retiring]
  await atMost(PATIENCE_MS, Promise.all([readiness.first, reaping.first, retiring.first]))
  return {
    close: async () => {
      stopping.abort()
      await atMost(PATIENCE_MS, Promise.all(all.map((part) => part.close())))
    },
  }
}

/** Until sandboxes can be made, tries whether they can: the engine may be back, an image may have been built. */
async function readyImages({ sandboxes, log }: Pick<WorkerDeps, 'sandboxes' | 'log'>, signal: AbortSignal) {
  if (sandboxes.areReady() || signal.aborted) return
  await sandboxes.prepare(signal)
  log.info({ sandbox: sandboxes.name }, 'sandboxes can be made')
}

async function reap({ sandboxes, log }: Pick<WorkerDeps, 'sandboxes' | 'log'>): Promise<void> {
  const reaped = await sandboxes.reap()
  if (reaped > 0) log.info({ reaped }, 'removed sandboxes that nobody owns any more')
}

async function retire({ ledger, log, now }: Pick<WorkerDeps, 'ledger' | 'log' | 'now'>, retentionDays: number) {
  const retired = await ledger.retire(now() - retentionDays * DAY_MS)
  if (retired > 0) log.info({ retired }, 'shrank tasks that ended long ago')
}

async function atMost(patienceMs: number, awaited: Promise<unknown>): Promise<void> {
  const over = Promise.withResolvers<void>()
  const timer = setTimeout(over.resolve, patienceMs)
  await Promise.race([awaited, over.promise])
  clearTimeout(timer)
}
