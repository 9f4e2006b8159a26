/** Longer timers fire at once; a deadline that far away needs none. */
const MAX_TIMER_MS = 2 ** 31 - 1

/**
 * A signal that ends with the caller's own or when the time is up, whichever is first. To be released with `using`, so
 * that no timer outlives the run.
 */
export function runUntil(signal: AbortSignal, remainingMs: number): { readonly signal: AbortSignal } & Disposable {
  const controller = new AbortController()
  const timer = remainingMs <= MAX_TIMER_MS ? setTimeout(() => controller.abort(), Math.max(0, remainingMs)) : undefined
  return { signal: AbortSignal.any([signal, controller.signal]), [Symbol.dispose]: () => clearTimeout(timer) }
}
