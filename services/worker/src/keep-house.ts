import type { WorkerDeps } from './deps.ts'

const REAP_PERIOD_MS = 60_000
const DAY_MS = 24 * 3_600_000

/** Removes what dead workers left and shrinks tasks that ended long ago: once now, then every minute. */
export async function keepHouse(
  deps: Pick<WorkerDeps, 'sandboxes' | 'ledger' | 'log' | 'now'>,
  options: { readonly retentionDays: number; readonly onError: (error: unknown) => void },
): Promise<{ readonly close: () => Promise<void> }> {
  const failed = (error: unknown) => {
    options.onError(error)
    return 0
  }
  const sweep = async () => {
    const [reaped, retired] = await Promise.all([
      deps.sandboxes.reap().catch(failed),
      deps.ledger.retire(deps.now() - options.retentionDays * DAY_MS).catch(failed),
    ])
    if (reaped > 0 || retired > 0) deps.log.info({ reaped, retired }, 'cleared away what is no longer needed')
  }
  let running = sweep().catch(options.onError)
  await running
  const timer = setInterval(() => {
    running = running.then(sweep).catch(options.onError)
  }, REAP_PERIOD_MS)
  return {
    close: async () => {
      clearInterval(timer)
      await running
    },
  }
}
