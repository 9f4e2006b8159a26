import type { Logger } from '@devbot/config'
import type { SandboxDriver } from '@devbot/sandbox'

/**
 * The same driver, whose sandboxes never end a run by their removal: what was done in them is worth more, and when the
 * engine is away, the error that says so must not be hidden by a second one. What could not be removed is left to the reaper.
 */
export function removeOrLeave<Driver extends Pick<SandboxDriver, 'create'>>(
  sandboxes: Driver,
  log: Pick<Logger, 'warn'>,
): Driver {
  return {
    ...sandboxes,
    async create(spec, signal) {
      const sandbox = await sandboxes.create(spec, signal)
      return {
        ...sandbox,
        async [Symbol.asyncDispose]() {
          try {
            await sandbox[Symbol.asyncDispose]()
          } catch (error) {
            log.warn({ error, runId: spec.runId }, 'a sandbox could not be removed; it is left to the reaper')
          }
        },
      }
    },
  }
}
