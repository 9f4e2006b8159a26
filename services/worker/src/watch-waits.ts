import type { SharedWait, SharedWaits } from '@devbot/queue'
import { repeat } from './repeat.ts'

/** How long another worker's wait may stay unknown here; one command of Redis each time. */
const LOOK_EVERY_MS = 1_000

/** The waits that all workers share, as they were a second ago: asking takes no time. */
export type KnownWaits = {
  readonly until: (name: string) => SharedWait | undefined
  /** Tells the others; what keeps it from being told is reported, and only costs them a question of their own. */
  readonly extend: (name: string, untilMs: number, reason: string) => void
  readonly close: () => Promise<void>
}

/** Knows what held before this worker started once it resolves. While Redis is away, what was known last holds. */
export async function watchWaits(waits: SharedWaits, onError: (error: unknown) => void): Promise<KnownWaits> {
  let known: ReadonlyMap<string, SharedWait> = new Map()
  const look = async () => {
    known = new Map((await waits.all()).map((wait) => [wait.name, wait]))
  }
  const looking = repeat(look, LOOK_EVERY_MS, onError)
  await looking.first
  return {
    until: (name) => known.get(name),
    extend: (name, untilMs, reason) => {
      waits.extend(name, untilMs, reason).catch(onError)
    },
    close: looking.close,
  }
}
