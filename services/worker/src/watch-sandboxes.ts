import { categoryOf } from '@devbot/contracts'
import type { SandboxDriver, SandboxImages } from '@devbot/sandbox'

/** The driver, and whether it could make sandboxes when it was last asked for something. */
export type WatchedSandboxes = SandboxDriver & {
  /** Why no sandboxes can be made, in a sentence that says what to do; undefined when they can, as far as is known. */
  readonly problem: () => string | undefined
  /** Whether `prepare` succeeded, and nothing said otherwise since. */
  readonly areReady: () => boolean
  /**
   * Whether a sandbox like this was made before, and none failed since. Until then the first one is waited for: what an
   * image lacks, or a side service that does not come up, is to show before the model is asked, and paid.
   */
  readonly areTried: (images: SandboxImages) => boolean
}

/** Remembers how `prepare` and `reap` went; only a `prepare` that succeeds ends a problem. */
export function watchSandboxes(driver: SandboxDriver): WatchedSandboxes {
  let problem: string | undefined
  let prepared = false
  const tried = new Set<string>()
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
    areTried: (images) => !isOwn(images) || tried.has(keyOf(images)),
    create: async (spec, signal) => {
      const sandbox = await driver.create(spec, signal).catch((error: unknown) => {
        if (categoryOf(error) !== 'cancelled') tried.delete(keyOf(spec))
        throw error
      })
      if (isOwn(spec)) tried.add(keyOf(spec))
      return sandbox
    },
    // Of the reaper's errors only the engine's are about making sandboxes; the ledger it asks has its own readiness.
    reap: () =>
      driver.reap().catch((error: unknown) => (categoryOf(error) === 'sandbox' ? noteProblem(error) : fail(error))),
    count: driver.count,
    prepare: async (signal, images = {}) => {
      // What one repository asks for says nothing about the others.
      if (isOwn(images)) return driver.prepare(signal, images)
      const facts = await driver.prepare(signal).catch(noteProblem)
      problem = undefined
      prepared = true
      return facts
    },
  }
}

/** Whether a repository has its own idea of them; the operator's image is looked after by the housekeeping. */
function isOwn({ image, services = [] }: SandboxImages): boolean {
  return image !== undefined || services.length > 0
}

function keyOf({ image, services = [] }: SandboxImages): string {
  return JSON.stringify([image ?? null, services])
}

function fail(error: unknown): never {
  throw error
}
