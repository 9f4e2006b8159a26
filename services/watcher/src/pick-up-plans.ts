import { join } from 'node:path'
import type { Logger } from '@devbot/config'
import { categoryOf, isPlanFileName } from '@devbot/contracts'
import { limitConcurrency } from './limit-concurrency.ts'
import { pause } from './pause.ts'
import type { IntakeResult } from './plan-intake.ts'
import { fileStateAt } from './read-plan-file.ts'
import { isOld, type StableFile, waitUntilStable } from './wait-until-stable.ts'

/** Files read and taken in together: bounds memory, and keeps Redis busy enough. */
const CONCURRENCY = 8
/** How often a file that changes while it is read, or collides with another watcher, is looked at again. */
const AGAIN_MS = 250
const MAX_AGAIN = 8
/** How long a visit waits for files that were just written; one that is written without end must not hold it up. */
const VISIT_PATIENCE_MS = 3_000

export type PickUp = {
  /** Something may have happened to this file name. */
  hint(name: string): void
  /**
   * Looks at every one of these plans. Returns when all have been taken in; files that are still being written are
   * waited for a few seconds, then go on by themselves. Returns the names of changed files that nobody had hinted at, though they changed a while ago.
   */
  visitAll(names: readonly string[]): Promise<readonly string[]>
  /** Lets the next visit take every file in again, changed or not. */
  forgetAll(): void
  close(): Promise<void>
}

export type PickUpOptions = {
  readonly directory: string
  /** Takes in a file that has not changed for so long; throws `transient` when the ledger is away. */
  readonly takeIn: (name: string, unchangedMs: number) => Promise<IntakeResult>
  /** A plan was there and is not any more. */
  readonly onGone: () => void
  /** The ledger is away; whoever hears this calls `visitAll` when it is back. */
  readonly onTransient: (error: unknown) => void
  readonly log: Logger
}

/** The state a file was last looked at in, since when, and whether that look settled it. */
type KnownFile = { readonly fingerprint: string; readonly sinceMs: number; readonly settled: boolean }

/** Waits for files to be stable and takes each in, one at a time per name and a few at a time altogether. */
export function createPickUp(options: PickUpOptions): PickUp {
  const { directory, log } = options
  const closing = new AbortController()
  const limited = limitConcurrency(CONCURRENCY)
  /** By file name; bounded by the folder. */
  const known = new Map<string, KnownFile>()
  /** Names being worked on; `true` when another hint came meanwhile. */
  const active = new Map<string, { hintedAgain: boolean; done: Promise<void> }>()

  function hint(name: string): void {
    if (!closing.signal.aborted && isPlanFileName(name)) void follow(name)
  }

  function follow(name: string): Promise<void> {
    const running = active.get(name)
    if (running !== undefined) {
      running.hintedAgain = true
      return running.done
    }
    const entry = { hintedAgain: false, done: Promise.resolve() }
    active.set(name, entry)
    entry.done = untilQuiet(name, entry)
    return entry.done
  }

  async function untilQuiet(name: string, entry: { hintedAgain: boolean }): Promise<void> {
    let repeats = 0
    do {
      entry.hintedAgain = false
      const delayMs = await lookOnce(name, repeats++)
      if (delayMs !== undefined && (await pause(delayMs, closing.signal))) entry.hintedAgain = true
    } while (entry.hintedAgain && !closing.signal.aborted)
    // In the same breath as the last check, so that no hint falls between.
    active.delete(name)
  }

  /** Returns after how many milliseconds to look again, if at all before the next hint or scan. */
  async function lookOnce(name: string, repeats: number): Promise<number | undefined> {
    try {
      const stable = await waitUntilStable(join(directory, name), closing.signal)
      if (closing.signal.aborted) return undefined
      if (stable === undefined) {
        if (known.delete(name)) options.onGone()
        return undefined
      }
      if (isSettled(name, stable.state.fingerprint)) return undefined
      return await limited(() => takeInOnce(name, stable, repeats))
    } catch (error) {
      if (categoryOf(error) === 'transient') options.onTransient(error)
      else log.error({ error, plan: name }, 'a plan could not be taken in; the next scan tries again')
      return undefined
    }
  }

  async function takeInOnce(name: string, stable: StableFile, repeats: number): Promise<number | undefined> {
    const { fingerprint } = stable.state
    const before = known.get(name)
    const sinceMs = before?.fingerprint === fingerprint ? before.sinceMs : performance.now()
    known.set(name, { fingerprint, sinceMs, settled: false })
    // Our own memory counts too: the times of a file can lie in the future.
    const unchangedMs = Math.max(stable.unchangedMs, performance.now() - sinceMs)
    const result = await options.takeIn(name, unchangedMs)
    if (result.kind === 'later') return result.delayMs
    if (result.kind === 'again') return repeats < MAX_AGAIN ? AGAIN_MS : undefined
    if (result.kind === 'gone') known.delete(name)
    else known.set(name, { fingerprint, sinceMs, settled: result.kind === 'settled' })
    return undefined
  }

  function isSettled(name: string, fingerprint: string): boolean {
    const last = known.get(name)
    return last?.settled === true && last.fingerprint === fingerprint
  }

  async function visitAll(names: readonly string[]): Promise<readonly string[]> {
    const present = new Set(names)
    for (const name of known.keys()) if (!present.has(name) && !active.has(name)) known.delete(name)
    const unannounced: string[] = []
    const fresh: Promise<void>[] = []
    const visiting = limitConcurrency(CONCURRENCY)
    await Promise.all(
      names.map((name) =>
        visiting(async () => {
          const state = await fileStateAt(join(directory, name))
          if (closing.signal.aborted || state === undefined || isSettled(name, state.fingerprint)) return
          if (!isOld(state)) return void fresh.push(follow(name))
          if (!active.has(name) && known.get(name)?.fingerprint !== state.fingerprint) unannounced.push(name)
          await follow(name)
        }),
      ),
    )
    await atMost(VISIT_PATIENCE_MS, Promise.all(fresh))
    return unannounced
  }

  async function atMost(patienceMs: number, work: Promise<unknown>): Promise<void> {
    const done = new AbortController()
    const signal = AbortSignal.any([done.signal, closing.signal])
    await Promise.race([work, pause(patienceMs, signal)])
    done.abort()
  }

  return {
    hint,
    visitAll,
    forgetAll() {
      for (const [name, file] of known) known.set(name, { ...file, settled: false })
    },
    async close() {
      closing.abort()
      await Promise.all([...active.values()].map(({ done }) => done))
    },
  }
}
