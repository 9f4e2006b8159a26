import { pause } from './pause.ts'
import { type FileState, fileStateAt } from './read-plan-file.ts'

/** Unchanged for this long, a file counts as completely written; with the rest of the way it stays below 0.3 s. */
const STABLE_MS = 120
/** A writer seen to pause between pieces is given up to this long; more would break the promise of 0.3 s. */
const MAX_STABLE_MS = 220
/** Left alone for this long, a file needs no watching. */
const OLD_MS = 1_000

export type StableFile = { readonly state: FileState; readonly unchangedMs: number }

/**
 * Waits until a file has not changed for a short while. Undefined when it is gone or the signal ended the wait. Where
 * clocks differ (network mounts) or times are whole seconds, our own observation counts instead of the file's times.
 */
export async function waitUntilStable(path: string, signal: AbortSignal): Promise<StableFile | undefined> {
  let state = await fileStateAt(path)
  if (state === undefined) return undefined
  let changedAtMs = changeTime(state)
  let windowMs = STABLE_MS
  for (;;) {
    const unchangedMs = Date.now() - changedAtMs
    if (unchangedMs >= windowMs) return { state, unchangedMs }
    if (!(await pause(windowMs - unchangedMs, signal))) return undefined
    const next = await fileStateAt(path)
    if (next === undefined) return undefined
    if (next.fingerprint !== state.fingerprint) {
      const nextChangeMs = changeTime(next)
      windowMs = Math.min(MAX_STABLE_MS, Math.max(windowMs, 1.5 * (nextChangeMs - changedAtMs)))
      changedAtMs = nextChangeMs
    }
    state = next
  }
}

/** Whether a file was left alone so long that there is nothing to wait for. */
export function isOld(state: FileState): boolean {
  return !state.coarse && Date.now() - state.changedAtMs >= OLD_MS
}

function changeTime(state: FileState): number {
  const nowMs = Date.now()
  const ageMs = nowMs - state.changedAtMs
  if (ageMs < 0) return nowMs
  // Whole seconds: older than two of them is certain, anything younger may be just now.
  return state.coarse && ageMs < 2_000 ? nowMs : state.changedAtMs
}
