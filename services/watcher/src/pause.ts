import { setTimeout as sleep } from 'node:timers/promises'

/** Waits; false when the signal ended the wait. Never throws. */
export async function pause(delayMs: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(Math.max(0, delayMs), undefined, { signal })
    return true
  } catch (error) {
    // The timer throws for no other reason than the signal.
    if (signal.aborted) return false
    throw error
  }
}
