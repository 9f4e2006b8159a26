import { setTimeout as sleep } from 'node:timers/promises'
import { DevBotError, type ErrorCode, isErrorCode } from '@devbot/contracts'

/** Trouble of the endpoint as a whole: what one run learns of it holds for all. */
const CONCERNS_ALL: ReadonlySet<ErrorCode> = new Set(['model-rate-limited', 'model-overloaded'])
/** Longest pause that is believed: no rate limit's window is longer. */
const MAX_PAUSE_MS = 3_600_000
/** A run that slept its own wait may wake a moment early; so little is no pause. */
const LEAST_PAUSE_MS = 10

export type SharedPause = {
  /** Notes that the endpoint wants to be left alone for so long; a shorter wait never ends a longer one. */
  readonly learn: (error: DevBotError, waitMs: number) => void
  /**
   * Waits until the endpoint may be asked. `onWait` is told before, with the time. Throws the error that was learnt,
   * with the time left, when that is longer than `maxWaitMs`, and `cancelled` when the signal ends it.
   */
  readonly wait: (options: {
    readonly maxWaitMs: number
    readonly spreadMs: number
    readonly signal: AbortSignal
    readonly onWait: (code: ErrorCode, waitMs: number) => void | Promise<void>
  }) => Promise<void>
}

/** How other processes hear of a pause, and this one of theirs. Neither may take time: both are on the way of every call. */
export type PauseElsewhere = {
  /** What is known of it here, by `Date.now`; `reason` is a code. */
  readonly heard: () => { readonly untilMs: number; readonly reason: string } | undefined
  readonly tell: (untilMs: number, code: ErrorCode) => void
}

/**
 * A pause of one endpoint and model, shared by all runs that use it: they wait for its end instead of each finding out
 * for itself. They start again spread over a short while, not all at once.
 */
export function createSharedPause(random: () => number, elsewhere?: PauseElsewhere): SharedPause {
  let pause: { readonly untilMs: number; readonly code: ErrorCode } | undefined
  const hear = () => {
    const heard = elsewhere?.heard()
    if (heard === undefined) return
    const { reason } = heard
    const untilMs = performance.now() + Math.min(heard.untilMs - Date.now(), MAX_PAUSE_MS)
    const code = isErrorCode(reason) && CONCERNS_ALL.has(reason) ? reason : 'model-rate-limited'
    if (pause === undefined || untilMs > pause.untilMs + LEAST_PAUSE_MS) pause = { untilMs, code }
  }
  const remainingMs = () => {
    hear()
    return pause === undefined ? 0 : Math.ceil(pause.untilMs - performance.now())
  }

  return {
    learn(error, waitMs) {
      if (!CONCERNS_ALL.has(error.code)) return
      const pauseMs = Math.min(waitMs, MAX_PAUSE_MS)
      const untilMs = performance.now() + pauseMs
      if (pause !== undefined && untilMs <= pause.untilMs) return
      pause = { untilMs, code: error.code }
      if (pauseMs >= LEAST_PAUSE_MS) elsewhere?.tell(Date.now() + pauseMs, error.code)
    },
    async wait({ maxWaitMs, spreadMs, signal, onWait }) {
      let waitedMs = 0
      // Others may learn of a longer pause meanwhile.
      for (let leftMs = remainingMs(); leftMs >= LEAST_PAUSE_MS && pause !== undefined; leftMs = remainingMs()) {
        if (waitedMs + leftMs > maxWaitMs) throw stillPaused(pause.code, leftMs)
        const waitMs = leftMs + Math.round(random() * Math.min(spreadMs, leftMs / 4))
        await onWait(pause.code, waitMs)
        await pauseFor(waitMs, signal)
        waitedMs += waitMs
      }
    },
  }
}

function stillPaused(code: ErrorCode, leftMs: number): DevBotError {
  return new DevBotError({
    category: 'transient',
    code,
    message: `The model's endpoint asked to be left alone for another ${Math.ceil(leftMs / 1000)} s; the run goes on after that.`,
    retryAfterMs: leftMs,
  })
}

/** Sleeps, or throws `cancelled` as soon as the signal says so. */
export async function pauseFor(waitMs: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(waitMs, undefined, { signal })
  } catch {
    // The only reason for a sleep to fail is its signal.
    throw cancelled()
  }
}

export function cancelled(): DevBotError {
  return new DevBotError({
    category: 'cancelled',
    code: 'model-call-cancelled',
    message: 'The call to the model was cancelled.',
  })
}
