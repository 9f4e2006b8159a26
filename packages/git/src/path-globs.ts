import { toBytes } from './gitignore.ts'
import { foldedName, foldersAbove, twinKeyFor } from './path-rules.ts'
import { compilePattern, MAX_MATCH_STEPS, type MatchBudget, matchesPattern, type Pattern } from './wildmatch.ts'

/** The first glob that covers a path, as it was written; undefined when none does. */
export type PathGlobs = (path: string) => string | undefined

/**
 * Globs over paths from the root, as a policy and a plan write them: `*` stays within a folder, two stars cross folders,
 * and a glob that names a folder covers all below it. All questions together have one budget; beyond it a DevBotError
 * `invalid-input`, `patterns-too-complex`, is thrown.
 */
export function createPathGlobs(globs: readonly string[]): PathGlobs {
  const compiled = compileAll(globs, (text) => text)
  const budget: MatchBudget = { steps: MAX_MATCH_STEPS }
  return (path) => {
    const bytes = toBytes(path)
    return compiled.find(({ pattern }) => covers(pattern, bytes, budget))?.glob
  }
}

/**
 * Globs whose paths are not to be changed. Compared in a spelling that every file system takes for the same (case,
 * Unicode forms, trailing dots, streams), and a path is covered, too, when it is a folder that leads to what is
 * protected: a link or a file in its place would take that away.
 */
export function createProtectedGlobs(globs: readonly string[]): PathGlobs {
  const compiled = compileAll(globs, foldedGlob)
  const budget: MatchBudget = { steps: MAX_MATCH_STEPS }
  return (path) => {
    // What is cut off from a path may be written in a glob: `a:b/**` is meant for `a:b/c`.
    const keys = [...new Set([foldedPath(path), foldedGlob(path)])]
    const spelled = keys.map((key) => ({ key, bytes: toBytes(key) }))
    return compiled.find(({ pattern, leadsThrough }) =>
      spelled.some(({ key, bytes }) => leadsThrough.has(key) || covers(pattern, bytes, budget)),
    )?.glob
  }
}

/** Whether a glob can match anything: `a[b` and `[[:nothing:]]` cannot. */
export function isGlob(glob: string): boolean {
  return trimmed(glob) !== '' && compilePattern(toBytes(trimmed(glob))) !== undefined
}

function trimmed(glob: string): string {
  return glob.replace(/^\/+|\/+$/g, '')
}

type CompiledGlob = {
  readonly glob: string
  /** Absent where the glob can match nothing. */
  readonly pattern: Pattern | undefined
  /** The folders above whatever the glob matches, as far as they are written without wildcards. */
  readonly leadsThrough: ReadonlySet<string>
}

function compileAll(globs: readonly string[], spell: (text: string) => string): readonly CompiledGlob[] {
  return globs.map((glob) => {
    const text = spell(trimmed(glob))
    const plain = text.slice(0, /[*?[]/.exec(text)?.index ?? text.length)
    return { glob, pattern: compilePattern(toBytes(text)), leadsThrough: new Set(foldersAbove(plain)) }
  })
}

/** `path` as bytes. A folder above it begins as it does: where its own beginning is wrong, thousands need no look. */
function covers(pattern: Pattern | undefined, path: string, budget: MatchBudget): boolean {
  if (pattern === undefined || !path.startsWith(pattern.prefix)) return false
  return [...foldersAbove(path), path].some((name) => matchesPattern(pattern, name, budget))
}

/** The spelling of `foldedPath`; nothing is cut off, because dots and colons may belong to the pattern. */
function foldedGlob(glob: string): string {
  return twinKeyFor(glob).normalize('NFKC').toLowerCase()
}

/** One spelling for all that some file system takes for the same path. A part that is nothing but dots stays as it is. */
function foldedPath(path: string): string {
  return twinKeyFor(path)
    .split('/')
    .map((part) => foldedName(part) || part)
    .join('/')
}
