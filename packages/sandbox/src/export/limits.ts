import { DevBotError } from '@devbot/contracts'

/** Far more than a change or an installed dependency tree has. */
export const MAX_LISTING_BYTES = 64 * 1024 * 1024
/**
 * As many paths as that many bytes hold of an ordinary tree. A sandbox can print far more short ones, and millions of them
 * would fill this process's memory, or keep it busy for longer than its lease on the task lasts.
 */
const MAX_LISTING_PATHS = 500_000
/**
 * The kernel's clock for change times may move only every 10 ms (CONFIG_HZ=100): what is changed this long after a listing
 * has a later time than the one listed.
 */
export const CLOCK_TICK_MS = 12
/** One scan of 5,000 files takes 15 ms; this is for a machine under full load and for a sandbox that resists. */
export const SCAN_TIMEOUT_MS = 120_000

/** The one error for a change or workspace beyond its limits; `details` are the counts. */
export function changeTooLarge(message: string, details: Readonly<Record<string, number>> = {}): DevBotError {
  return new DevBotError({ category: 'invalid-input', code: 'change-too-large', message, details })
}

export function listingTooLarge(): DevBotError {
  return changeTooLarge(
    `The workspace holds more paths than can be listed (${MAX_LISTING_PATHS} paths, ${MAX_LISTING_BYTES} bytes of names).`,
  )
}

/** Before a listing of names with a zero byte after each is taken apart. Throws `change-too-large`. */
export function assertListable(listing: Buffer): void {
  let paths = 0
  for (let at = listing.indexOf(0); at !== -1; at = listing.indexOf(0, at + 1)) {
    paths += 1
    if (paths > MAX_LISTING_PATHS) throw listingTooLarge()
  }
}
