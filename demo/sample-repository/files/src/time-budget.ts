import { checkedDuration, DurationError } from './duration-error.ts'

export type TimeBudget = {
  /** What is left, never below 0. */
  readonly left: () => number
  readonly spent: () => boolean
  /** A part of what is left, for a step that must not use all of it. */
  readonly share: (fraction: number) => number
}

/** A limit that runs out. `now` gives the time in milliseconds; the machine's steady clock unless given. */
export function timeBudget(limitMs: number, now: () => number = () => performance.now()): TimeBudget {
  if (checkedDuration(limitMs) < 0) throw new DurationError(`expected a limit of 0 or more, got ${limitMs}`)
  const endsAt = now() + limitMs
  const left = () => Math.max(0, endsAt - now())
  return {
    left,
    spent: () => left() === 0,
    share: (fraction) => {
      if (!(fraction >= 0 && fraction <= 1)) throw new DurationError(`expected a fraction from 0 to 1, got ${fraction}`)
      return left() * fraction
    },
  }
}
