import type { Fault } from './trajectory.ts'

/** Conversations whose played faults are remembered; the oldest are forgotten first. */
const MAX_CONVERSATIONS = 10_000
/** Faults an operator may have waiting. */
const MAX_WAITING = 1000

export type Faults = {
  /** The fault to play now, if any: first what was ordered from outside, then what the turn records. */
  readonly next: (request: {
    readonly fingerprint: string
    readonly model: string
    readonly recorded: readonly Fault[]
  }) => Fault | undefined
  /** Orders a fault for the next requests, whatever they are. False when too many wait already. */
  readonly order: (fault: Fault) => boolean
}

export function createFaults(): Faults {
  const waiting: { fault: Fault; left: number }[] = []
  const played = new Map<string, number>()

  const nextOrdered = (model: string): Fault | undefined => {
    const first = waiting.find(({ fault }) => isFor(fault, model))
    if (first === undefined) return undefined
    first.left -= 1
    if (first.left === 0) waiting.splice(waiting.indexOf(first), 1)
    return first.fault
  }

  return {
    order: (fault) => {
      if (waiting.length >= MAX_WAITING) return false
      waiting.push({ fault, left: fault.times })
      return true
    },
    next: ({ fingerprint, model, recorded }) => {
      const ordered = nextOrdered(model)
      if (ordered !== undefined || recorded.length === 0) return ordered
      const before = played.get(fingerprint) ?? 0
      const meant = recorded.filter((entry) => isFor(entry, model))
      const fault = meant.flatMap((entry) => Array<Fault>(entry.times).fill(entry))[before]
      if (fault === undefined) return undefined
      played.set(fingerprint, before + 1)
      const oldest = played.size > MAX_CONVERSATIONS ? played.keys().next().value : undefined
      if (oldest !== undefined) played.delete(oldest)
      return fault
    },
  }
}

function isFor(fault: Fault, model: string): boolean {
  return fault.model === undefined || fault.model === model
}
