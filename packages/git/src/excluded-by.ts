import { createIgnoreRules } from './gitignore.ts'

/** A quarter of a second at most: whoever asks is waited for. */
const MAX_STEPS = 5_000_000

/**
 * What the `.gitignore` files of a workspace exclude, given by path; a folder's path ends with a slash. The question
 * throws DevBotError `invalid-input` when answering would take too long.
 */
export function excludedBy(files: ReadonlyMap<string, Uint8Array>): (path: string) => boolean {
  return createIgnoreRules(files, { steps: MAX_STEPS }).isIgnored
}
