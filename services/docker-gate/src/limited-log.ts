import type { Logger } from '@devbot/config'

/** Lines in this time, however many requests a hostile worker sends. */
const WINDOW_MS = 10_000
const LINES_PER_WINDOW = 20

type Facts = Readonly<Record<string, unknown>>

/** Logs one kind of happening line by line, and beyond some lines in a short time only how many more there were. */
export function createLimitedLog(write: (facts: Facts, message: string) => void, nowMs: () => number) {
  let windowEndsAtMs = 0
  let lines = 0
  let left = 0
  return (facts: Facts, message: string): void => {
    if (nowMs() >= windowEndsAtMs) {
      if (left > 0) write({ left }, `more of these than are logged one by one: ${message}`)
      windowEndsAtMs = nowMs() + WINDOW_MS
      lines = 0
      left = 0
    }
    lines += 1
    if (lines <= LINES_PER_WINDOW) write(facts, message)
    else left += 1
  }
}

/** One log for what the gate refuses, one for the engine's own noes (not there, still running), which are everyday. */
export function createRefusalLog(log: Logger, nowMs: () => number) {
  const refused = createLimitedLog((facts, message) => log.warn(facts, message), nowMs)
  const unsuccessful = createLimitedLog((facts, message) => log.info(facts, message), nowMs)
  return (facts: Facts & { readonly status: number }): void => {
    if (facts.status === 400 || facts.status === 403) refused(facts, 'request refused')
    else unsuccessful(facts, 'request without success')
  }
}
