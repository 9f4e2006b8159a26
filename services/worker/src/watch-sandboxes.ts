import { categoryOf } from '@devbot/contracts'
import type { SandboxDriver } from '@devbot/sandbox'

/** The driver, and whether it could make sandboxes when it was last asked for something. */
export type WatchedSandboxes = SandboxDriver & {
  /** Why no sandboxes can be made, in a sentence that says what to do; undefined when they can, as far as is known. */
  readonly problem: () => string | undefined
  /** Whether `prepare` succeeded, and nothing said otherwise since. */
  readonly areReady: () => boolean
}

/** Remembers how `prepare` and `reap` went; only a `prepare` that succeeds ends a problem. */
export function watchSandboxes(driver: SandboxDriver): WatchedSandboxes {
  let problem: string | undefined
  let prepared = false
  const noteProblem = (error: unknown): never => {
    if (categoryOf(error) !== 'cancelled') {
      problem = error instanceof Error ? error.message : String(error)
      prepared = false
    }
    throw error
  }
  return {
    name: driver.name,
    problem: () => problem,
    areReady: () => prepared,
    create: (spec, signal) => driver.create(spec, signal),
    // Of the reaper's errors only the engine's are about making sandboxes; the ledger it asks has its own readiness.
    reap: () =>
      driver.reap().catch((error: unknown) => (categoryOf(error) === 'sandbox' ? noteProblem(error) : fail(error))),
    prepare: async (signal, images = {}) => {
      // What one repository asks for says nothing about the others.
      if (images.image !== undefined || (images.services ?? []).length > 0) return driver.prepare(signal, images)
      const facts = await driver.prepare(signal).catch(noteProblem)
      problem = undefined
      prepared = true
      return facts
    },
  }
}

function fail(error: unknown): never {
  throw error
}
