import { setTimeout as delay } from 'node:timers/promises'
import { categoryOf, type DevBotError, type ExecResult } from '@devbot/contracts'
import type { Sandbox } from '../sandbox.ts'

/** What commands end with in a container that ends: killed with it (128 + SIGKILL), or no longer started. */
const END_EXIT_CODES: readonly (number | undefined)[] = [137, 126]
/** The engine knows of a container's end some milliseconds after its last process was killed. */
const LOOKS_MS = [0, 50, 200] as const

/**
 * The same sandbox, but where its whole container was ended (memory, disk, lifetime), whatever was under way throws that
 * reason instead of what it looked like from near: a killed command, a broken stream. `askWhyEnded` throws when the engine
 * cannot be asked: then a command that looks killed is no result, for nobody knows how it ended.
 */
export function explainEnds(sandbox: Sandbox, askWhyEnded: () => Promise<DevBotError | undefined>): Sandbox {
  async function reason(): Promise<DevBotError | undefined> {
    for (const waitMs of LOOKS_MS) {
      await delay(waitMs)
      const found = await askWhyEnded()
      if (found) return found
    }
    return undefined
  }

  function explained<A extends unknown[], R>(method: (...input: A) => Promise<R>, looksEnded?: (result: R) => boolean) {
    return async (...input: A): Promise<R> => {
      const result = await method(...input).catch(async (error: unknown) => {
        // An engine that cannot be asked is the same one that this error tells of.
        throw (categoryOf(error) === 'sandbox' ? await reason().catch(() => undefined) : undefined) ?? error
      })
      const found = looksEnded?.(result) ? await reason() : undefined
      if (found) throw found
      return result
    }
  }
  return {
    importTree: explained(sandbox.importTree),
    markSetupDone: explained(sandbox.markSetupDone),
    exportSetup: explained(sandbox.exportSetup),
    importSetup: explained(sandbox.importSetup),
    overlay: explained(sandbox.overlay),
    networkRefusals: sandbox.networkRefusals,
    exec: explained(sandbox.exec, mayHaveEnded),
    startCommand: explained(sandbox.startCommand),
    readFile: explained(sandbox.readFile),
    writeFile: explained(sandbox.writeFile),
    run: explained(sandbox.run, mayHaveEnded),
    exportChange: explained(sandbox.exportChange),
    [Symbol.asyncDispose]: () => sandbox[Symbol.asyncDispose](),
  }
}

function mayHaveEnded({ exitCode, timedOut, aborted }: ExecResult): boolean {
  return END_EXIT_CODES.includes(exitCode) || (exitCode === undefined && !timedOut && !aborted)
}
