import type { DevBotError } from '@devbot/contracts'

export type RetryPolicy = {
  /** Requests for one reply at most, the first included. */
  readonly maxAttempts: number
  /** Wait before the second attempt; it doubles with each further one. */
  readonly baseDelayMs: number
  readonly maxDelayMs: number
  /** The longest wait another side may ask for inside a call; a longer one ends the call, with the wait in the error. */
  readonly maxRetryAfterMs: number
}

/** Five tries over about half a minute: longer troubles are the queue's to wait out, with the task on record. */
export const DEFAULT_RETRY: RetryPolicy = {
  maxAttempts: 5,
  baseDelayMs: 1_000,
  maxDelayMs: 16_000,
  maxRetryAfterMs: 60_000,
}

/**
 * How long to wait before asking again after the given attempt (from 1), or undefined when this error is not for
 * trying again here. A rate limit is waited out only as long as the endpoint says; without a word from it, pressing on
 * makes it worse. `random` is in 0..1 and spreads the waits over the upper half of the backoff.
 */
export function retryDelayMs(
  error: DevBotError,
  attempt: number,
  policy: RetryPolicy,
  random: number,
): number | undefined {
  if (error.category !== 'transient' || attempt >= policy.maxAttempts) return undefined
  const backoffMs = Math.min(policy.baseDelayMs * 2 ** (attempt - 1), policy.maxDelayMs)
  const delayMs = Math.round((backoffMs * (1 + random)) / 2)
  if (error.retryAfterMs !== undefined) {
    return error.retryAfterMs <= policy.maxRetryAfterMs ? Math.max(error.retryAfterMs, delayMs) : undefined
  }
  return error.code === 'model-rate-limited' ? undefined : delayMs
}
