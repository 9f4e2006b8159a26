import type { Fault } from './trajectory.ts'

/** Conversations whose played faults are remembered; the oldest are forgotten first. */
const MAX_CONVERSATIONS = 10_000
/** Faults an operator may have waiting. */
const MAX_WAITING = 1000

export type Faults = {
  /** The fault to play now, if any: first what was ordered from outside, then what the turn records. */
  readonly next: (request: { readonly fingerprint: string; readonly recorded: readonly Fault[] }) => Fault | undefined
  /** Orders a fault for the next requests, whatever they are. False when too many wait already. */
  readonly order: (fault: Fault) => boolean
}

export function createFaults(): Faults {
  const waiting: { fault: Fault; left: number }[] = []
  const played = new Map<string, number>()

  const nextOrdered = (): Fault | undefined => {
    const first = waiting[0]
    if (first === undefined) return undefined
    first.left -= 1
    if (first.left === 0) waiting.shift()
    return first.fault
  }

  return {
    order: (fault) => {
      if (waiting.length >= MAX_WAITING) return false
      waiting.push({ fault, left: fault.times })
      return true
    },
    next: ({ fingerprint, recorded }) => {
      const ordered = nextOrdered()
      if (ordered !== undefined || recorded.length === 0) return ordered
      const before = played.get(fingerprint) ?? 0
      const fault = recorded.flatMap((entry) => Array<Fault>(entry.times).fill(entry))[before]
      if (fault === undefined) return undefined
      played.set(fingerprint, before + 1)
      const oldest = played.size > MAX_CONVERSATIONS ? played.keys().next().value : undefined
      if (oldest !== undefined) played.delete(oldest)
      return fault
    },
  }
}
