export type Stopwatch = {
  /** Time since the start, pauses left out. */
  readonly elapsed: () => number
  /** Time since the last lap, or since the start. */
  readonly lap: () => number
  readonly pause: () => void
  readonly resume: () => void
}

/** A running stopwatch. `now` gives the time in milliseconds; the machine's steady clock unless given. */
export function stopwatch(now: () => number = () => performance.now()): Stopwatch {
  let counted = 0
  let runningSince: number | undefined = now()
  let lastLap = 0

  const elapsed = () => counted + (runningSince === undefined ? 0 : now() - runningSince)
  return {
    elapsed,
    lap: () => {
      const sinceStart = elapsed()
      const lap = sinceStart - lastLap
      lastLap = sinceStart
      return lap
    },
    pause: () => {
      counted = elapsed()
      runningSince = undefined
    },
    resume: () => {
      runningSince ??= now()
    },
  }
}
