import { foldersAbove } from './path-rules.ts'
import { compilePattern, type MatchBudget, matchesPattern, type Pattern } from './wildmatch.ts'

type Rule = {
  readonly pattern: Pattern
  readonly negative: boolean
  readonly foldersOnly: boolean
  /** The pattern has no slash: it is compared with the name alone. */
  readonly nameOnly: boolean
}

/** Longest line taken as a pattern; no path is longer. */
const MAX_LINE_LENGTH = 4096

/**
 * Decides as `git check-ignore` does for untracked files. `files` are the `.gitignore` files of all levels by path.
 * Written here instead of taken from a library because the patterns are hostile: matching has a budget.
 */
export function createIgnoreRules(files: ReadonlyMap<string, Uint8Array>, budget: MatchBudget) {
  const rulesByFolder = new Map<string, readonly Rule[]>()
  for (const [path, bytes] of files) rulesByFolder.set(path.replace(/\/?[^/]*$/, ''), parseRules(bytes))
  const excludedFolders = new Map<string, boolean>()

  /** A folder is out when a rule says so or a folder above it is out: nothing below can come back in. */
  function folderIsOut(folder: string, above: readonly string[]): boolean {
    const known = excludedFolders.get(folder)
    if (known !== undefined) return known
    const parent = above.at(-1)
    const out = (parent !== undefined && folderIsOut(parent, above.slice(0, -1))) || ruleSays(folder, true)
    excludedFolders.set(folder, out)
    return out
  }

  /** The rule of the nearest folder that matches, in it the last line. */
  function ruleSays(path: string, isFolder: boolean): boolean {
    for (const folder of ['', ...foldersAbove(path)].toReversed()) {
      const rules = rulesByFolder.get(folder)
      if (rules === undefined) continue
      const relative = toBytes(folder === '' ? path : path.slice(folder.length + 1))
      const rule = rules.findLast((candidate) => ruleMatches(candidate, relative, isFolder, budget))
      if (rule !== undefined) return !rule.negative
    }
    return false
  }

  return {
    /** A path that ends with a slash is a folder. */
    isIgnored(path: string): boolean {
      if (path.endsWith('/')) return folderIsOut(path.slice(0, -1), foldersAbove(path.slice(0, -1)))
      const above = foldersAbove(path)
      const parent = above.at(-1)
      return (parent !== undefined && folderIsOut(parent, above.slice(0, -1))) || ruleSays(path, false)
    },
  }
}

function ruleMatches(rule: Rule, relative: string, isFolder: boolean, budget: MatchBudget): boolean {
  if (rule.foldersOnly && !isFolder) return false
  return matchesPattern(rule.pattern, rule.nameOnly ? nameOf(relative) : relative, budget)
}

function parseRules(bytes: Uint8Array): readonly Rule[] {
  const text = Buffer.from(bytes)
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
  return text.split('\n').flatMap((line) => parseRule(line) ?? [])
}

function parseRule(line: string): Rule | undefined {
  if (line.startsWith('#') || line.length > MAX_LINE_LENGTH) return undefined
  let text = withoutTrailingSpaces(line.replace(/\r$/, ''))
  const negative = text.startsWith('!')
  if (negative) text = text.slice(1)
  const foldersOnly = text.endsWith('/')
  if (foldersOnly) text = text.slice(0, -1)
  if (text === '') return undefined
  const nameOnly = !text.includes('/')
  const pattern = compilePattern(text.startsWith('/') ? text.slice(1) : text)
  return pattern === undefined ? undefined : { pattern, negative, foldersOnly, nameOnly }
}

/** Spaces at the end do not count unless a backslash stands before them. */
function withoutTrailingSpaces(line: string): string {
  let end = line.length
  while (end > 0 && line[end - 1] === ' ') end -= 1
  let backslashes = 0
  while (line[end - 1 - backslashes] === '\\') backslashes += 1
  return backslashes % 2 === 1 ? line.slice(0, end + 1) : line.slice(0, end)
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** git matches bytes, so paths are compared as bytes: one character each. */
export function toBytes(path: string): string {
  return Buffer.from(path).toString('latin1')
}
