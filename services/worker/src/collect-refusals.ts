import type { Logger } from '@devbot/config'
import { mergeNetworkRefusals } from '@devbot/contracts'
import type { Sandbox, SandboxDriver } from '@devbot/sandbox'
import type { RunLog } from './run-log.ts'

/** The same driver, whose sandboxes add to the run's record which connections were refused to them, before they are removed. */
export function collectRefusals<Driver extends Pick<SandboxDriver, 'create'>>(
  sandboxes: Driver,
  run: Pick<RunLog, 'run' | 'change'>,
  log: Pick<Logger, 'warn'>,
): Driver {
  async function collect(sandbox: Sandbox): Promise<void> {
    const refusals = await sandbox.networkRefusals()
    if (refusals.length === 0) return
    run.change({ networkRefusals: mergeNetworkRefusals(run.run.networkRefusals ?? [], refusals) })
  }
  return {
    ...sandboxes,
    async create(spec, signal) {
      const sandbox = await sandboxes.create(spec, signal)
      return {
        ...sandbox,
        async [Symbol.asyncDispose]() {
          try {
            await collect(sandbox)
          } catch (error) {
            log.warn({ error, runId: spec.runId }, 'what was refused to a sandbox could not be asked for')
          }
          await sandbox[Symbol.asyncDispose]()
        },
      }
    },
  }
}
