import { DevBotError } from '@devbot/contracts'
import { quoteForShell } from '../quote-for-shell.ts'

/** What `.gitignore` files, given by path, exclude. A folder's path ends with a slash. May throw `invalid-input`. */
export type ExcludedBy = (files: ReadonlyMap<string, Uint8Array>) => (path: string) => boolean

/** No hand-written rule file is longer. */
const MAX_FILE_BYTES = 64 * 1024
/** The files of so many folders are looked at; a command's text has a limit. */
const MAX_FILES = 500

/** The rule files that may speak about a folder's entries: `src/deep` -> `.gitignore`, `src/.gitignore`, `src/deep/.gitignore`. */
export function ignoreFilesAbove(folder: string): readonly string[] {
  const parts = folder === '.' ? [] : folder.split('/')
  return [...parts.keys(), parts.length].map((length) => [...parts.slice(0, length), '.gitignore'].join('/'))
}

/** Commands that print those of the files that exist: name, NUL, size, line feed, content; then an empty name. */
export function printIgnoreFiles(paths: readonly string[]): string {
  const names = paths.slice(0, MAX_FILES).map((path) => quoteForShell(`./${path}`))
  return `for f in ${names.join(' ')}; do
if [ -f "$f" ] && [ -r "$f" ]; then printf '%s\\0' "$f"; wc -c <"$f"; dd if="$f" bs=${MAX_FILE_BYTES} count=1 2>/dev/null; fi
done; printf '\\0'`
}

/** Reads what `printIgnoreFiles` printed; the output that follows is the rest. */
export function takeIgnoreFiles(output: Uint8Array): {
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly rest: Uint8Array
} {
  const files = new Map<string, Uint8Array>()
  let at = 0
  while (at < output.byteLength) {
    const nameEnd = output.indexOf(0, at)
    if (nameEnd < 0) break
    const name = text(output.subarray(at, nameEnd))
    at = nameEnd + 1
    if (name === '') break
    const sizeEnd = output.indexOf(10, at)
    if (sizeEnd < 0) break
    const size = Math.min(Number(text(output.subarray(at, sizeEnd))) || 0, MAX_FILE_BYTES)
    at = sizeEnd + 1 + size
    files.set(name.replace(/^\.\//, ''), output.subarray(sizeEnd + 1, at))
  }
  return { files, rest: output.subarray(at) }
}

export type Sorted = {
  readonly kept: readonly string[]
  readonly excluded: readonly string[]
  /** The rules were too costly to follow: nothing is excluded. */
  readonly gaveUp: boolean
}

/** Sorts paths (relative to the workspace, folders with a slash) by the rules. Below a folder that is out itself, all are in. */
export function sortByRules(
  paths: readonly string[],
  below: string,
  files: ReadonlyMap<string, Uint8Array>,
  excludedBy: ExcludedBy | undefined,
): Sorted {
  if (excludedBy === undefined || files.size === 0) return { kept: paths, excluded: [], gaveUp: false }
  try {
    const isOut = excludedBy(files)
    // Who names an excluded folder wants to see it.
    if (below !== '.' && isOut(`${below}/`)) return { kept: paths, excluded: [], gaveUp: false }
    const groups = Map.groupBy(paths, isOut)
    return { kept: groups.get(false) ?? [], excluded: groups.get(true) ?? [], gaveUp: false }
  } catch (error) {
    if (!(error instanceof DevBotError)) throw error
    return { kept: paths, excluded: [], gaveUp: true }
  }
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}
