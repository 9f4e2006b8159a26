import { DevBotError } from '@devbot/contracts'

/** 64 MiB of names is half a million paths: far more than a change or an installed dependency tree has. */
export const MAX_LISTING_BYTES = 64 * 1024 * 1024
/** One scan of 5,000 files takes 15 ms; this is for a machine under full load and for a sandbox that resists. */
export const SCAN_TIMEOUT_MS = 120_000

/** The one error for a change or workspace beyond its limits; `details` are the counts. */
export function changeTooLarge(message: string, details: Readonly<Record<string, number>> = {}): DevBotError {
  return new DevBotError({ category: 'invalid-input', code: 'change-too-large', message, details })
}

export function listingTooLarge(): DevBotError {
  return changeTooLarge(`The workspace holds more paths than can be listed (${MAX_LISTING_BYTES} bytes of names).`)
}
