import { categoryOf, DevBotError } from '@devbot/contracts'

/**
 * How long an effect that is not listed, but may have been made, still has to be waited for before it is made again:
 * the request may be under way, and GitHub's listings may be behind. Undefined: it was not made. Pure.
 */
export function untilListed(attemptedAtMs: number | undefined, nowMs: number, lagMs: number): number | undefined {
  if (attemptedAtMs === undefined) return undefined
  const leftMs = attemptedAtMs + lagMs - nowMs
  // A clock that was put back makes nobody wait for longer than the lag.
  return leftMs > 0 ? Math.min(leftMs, lagMs) : undefined
}

/** Whether an error says that GitHub did not do what it was asked for: it answered, and refused. */
export function wasRefused(error: unknown): boolean {
  if (error instanceof DevBotError && error.code === 'github-rate-limited') return true
  return ['permission', 'invalid-input', 'conflict'].includes(categoryOf(error))
}
