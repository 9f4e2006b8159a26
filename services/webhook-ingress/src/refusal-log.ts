import type { Logger } from '@devbot/config'

/** One line in this time, however many requests a stranger sends. */
const LINE_EVERY_MS = 10_000

/**
 * Logs requests that were refused before their signature was good: the first at once, then their numbers by status.
 * Nothing that the sender chose is written.
 */
export function createRefusalLog(log: Logger, nowMs: () => number = Date.now): (status: number) => void {
  let counts: Record<number, number> = {}
  let nextLineAtMs = 0
  return (status) => {
    counts[status] = (counts[status] ?? 0) + 1
    if (nowMs() < nextLineAtMs) return
    log.warn({ refusedByStatus: counts }, 'requests refused since the last such line')
    counts = {}
    nextLineAtMs = nowMs() + LINE_EVERY_MS
  }
}
