export type CacheFile = { readonly name: string; readonly bytes: number; readonly usedAtMs: number }

/** A file that is still being written is touched with every piece; one this old was left by a worker that died. */
const ABANDONED_AFTER_MS = 3_600_000

/**
 * Which files of the cache have to go: abandoned unfinished ones, and of the entries those not used for longest, until
 * the rest fits. Unfinished ones that are being written count, but stay.
 */
export function chooseEvicted(
  files: readonly CacheFile[],
  limits: { readonly maxBytes: number; readonly nowMs: number },
): readonly CacheFile[] {
  const abandoned = (file: CacheFile) => isUnfinished(file.name) && file.usedAtMs < limits.nowMs - ABANDONED_AFTER_MS
  const evicted = files.filter(abandoned)
  let bytes = sum(files) - sum(evicted)
  const entries = files.filter(({ name }) => !isUnfinished(name)).sort((a, b) => a.usedAtMs - b.usedAtMs)
  for (const entry of entries) {
    if (bytes <= limits.maxBytes) break
    evicted.push(entry)
    bytes -= entry.bytes
  }
  return evicted
}

/** Files that are not in place yet are named so. */
export const UNFINISHED = '.unfinished'

function isUnfinished(name: string): boolean {
  return name.endsWith(UNFINISHED)
}

function sum(files: readonly CacheFile[]): number {
  return files.reduce((total, { bytes }) => total + bytes, 0)
}
