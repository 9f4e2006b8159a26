import { DevBotError } from '@devbot/contracts'
import { blobIdFor } from './blob-id.ts'
import { createAttributeRules } from './gitattributes.ts'
import { createIgnoreRules } from './gitignore.ts'
import { lineEndingsFor, normaliseLineEndings } from './line-endings.ts'
import { linkProblem } from './link-rules.ts'
import { createPathIndex, type PathIndex } from './path-index.ts'
import { foldersAbove, isDotGit, isUtf8, pathProblem, placeProblem } from './path-rules.ts'
import type { TreeChange, TreeEntry } from './repository-store.ts'
import { type BaseContents, ruleFilesAfter } from './rule-files.ts'
import { MAX_MATCH_STEPS, type MatchBudget } from './wildmatch.ts'

/** One line of a workspace listing, as the sandbox exports it. Every value is hostile. */
export type WorkspaceEntry =
  | { readonly kind: 'file'; readonly path: string; readonly executable: boolean; readonly bytes: Uint8Array }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'other'; readonly path: string }

/** What differs from the imported tree; the shape of the sandbox's export. */
export type WorkspaceChange = {
  readonly entries: readonly WorkspaceEntry[]
  readonly deletedPaths: readonly string[]
  /** Paths that the setup command made. */
  readonly setupPaths: ReadonlySet<string>
}

export type SelectChangeInput = {
  /** All paths of the base tree. */
  readonly baseEntries: readonly TreeEntry[]
  readonly change: WorkspaceChange
  readonly baseContents: BaseContents
  readonly ceilings: ChangeCeilings
  /** Why a path may not be changed, whatever the change does to it; undefined where it may. */
  readonly protection?: (path: string) => string | undefined
}

export type ChangeCeilings = { readonly maxFiles: number; readonly maxBytes: number; readonly maxFileBytes: number }

export type RefusedPath = { readonly path: string; readonly reason: string }

export type SelectedChange = {
  /** Sorted by path; the same input gives the same list. */
  readonly changes: readonly TreeChange[]
  /** What was not taken and why, sorted by path, at most 200; the report says so. */
  readonly refused: readonly RefusedPath[]
  /** How many there were in all. */
  readonly refusedCount: number
}

/** A report longer than this is read by nobody, and a sandbox can make any number of bad names. */
const MAX_REFUSED = 200

const SUBMODULE = 'it belongs to a submodule, which is left as it was'
const FILTERED = 'a filter attribute (such as LFS) applies to it; it is left as it was'

/**
 * Decides what belongs to the change: paths that differ from the base tree, minus untracked ones that the exported
 * tree's `.gitignore` files exclude or that setup made. Pure. Throws DevBotError `invalid-input`: `change-too-large`
 * beyond the ceilings, `patterns-too-complex`.
 */
export function selectChange(input: SelectChangeInput): SelectedChange {
  const { change } = input
  const rules = rulesFor(input)
  const base = new Map(input.baseEntries.map((entry) => [entry.path, entry]))
  const exported = new Set(change.entries.map((entry) => entry.path))
  const selection = createSelection(base, rules, exported, input.protection ?? (() => undefined))
  for (const path of [...new Set(change.deletedPaths)].sort()) selection.remove(path)
  const seen = new Set<string>()
  for (const entry of change.entries.toSorted(byPath)) {
    if (seen.has(entry.path)) continue
    seen.add(entry.path)
    const tracked = base.get(entry.path)
    if (tracked === undefined && isLeftOut(entry.path, change.setupPaths, rules)) continue
    selection.put(entry, input)
  }
  const changes = selection.changes()
  refuseTooLarge(changes, input.ceilings)
  const refused = selection.refused()
  return { changes, refused: refused.slice(0, MAX_REFUSED), refusedCount: refused.length }
}

type Rules = {
  isIgnored(path: string): boolean
  isFiltered(path: string): boolean
  lineEndingsOf(path: string): ReturnType<typeof lineEndingsFor>
}

/** Rules as the change leaves them; whether a path is filtered is asked of the base tree as well. */
function rulesFor({ change, baseContents }: SelectChangeInput): Rules {
  const budget: MatchBudget = { steps: MAX_MATCH_STEPS }
  const ignore = createIgnoreRules(ruleFilesAfter('.gitignore', baseContents.ruleFiles, change), budget)
  const attributes = createAttributeRules(ruleFilesAfter('.gitattributes', baseContents.ruleFiles, change), budget)
  const noChange = { entries: [], deletedPaths: [], setupPaths: new Set<string>() }
  const before = createAttributeRules(ruleFilesAfter('.gitattributes', baseContents.ruleFiles, noChange), budget)
  const hasFilter = (rules: typeof before, path: string) => typeof rules.attributesOf(path).get('filter') === 'string'
  return {
    isIgnored: ignore.isIgnored,
    isFiltered: (path) => hasFilter(attributes, path) || hasFilter(before, path),
    lineEndingsOf: (path) => lineEndingsFor(attributes.attributesOf(path)),
  }
}

/** Untracked paths that are nobody's loss: the sandbox's own repository, what setup made, what is ignored. */
function isLeftOut(path: string, setupPaths: ReadonlySet<string>, rules: Rules): boolean {
  if (path === '.git' || path.startsWith('.git/')) return true
  return setupPaths.has(path) || (placeProblem(path) === undefined && rules.isIgnored(path))
}

/** The tree being put together: judged path by path, deletions first. */
function createSelection(
  base: ReadonlyMap<string, TreeEntry>,
  rules: Rules,
  exported: ReadonlySet<string>,
  protection: (path: string) => string | undefined,
) {
  const index = createPathIndex(base.keys())
  const changes = new Map<string, TreeChange>()
  const refusals = new Map<string, string>()
  const isGitlink = (path: string) => base.get(path)?.mode === '160000'

  function deletionProblem(path: string): string | undefined {
    if (!isUtf8(path)) return 'the path is not valid UTF-8; it is left as it was'
    if (isGitlink(path)) return SUBMODULE
    return rules.isFiltered(path) ? FILTERED : protection(path)
  }

  function drop(path: string) {
    index.remove(path)
    changes.set(path, { kind: 'delete', path })
  }

  /** Makes room where a folder takes the place of a file or a file that of a folder; says why when it cannot. */
  function makeRoom(path: string): string | undefined {
    const inTheWay = [...foldersAbove(path).filter((folder) => index.isFile(folder)), ...index.filesBelow(path)]
    for (const other of inTheWay) {
      if (exported.has(other) || !base.has(other)) return `"${other}" is in the way`
      const problem = deletionProblem(other)
      if (problem !== undefined) return `"${other}" is in the way: ${problem}`
    }
    inTheWay.forEach(drop)
    return undefined
  }

  return {
    remove(path: string) {
      if (!base.has(path) || exported.has(path)) return
      const problem = deletionProblem(path)
      if (problem === undefined) drop(path)
      else refusals.set(path, problem)
    },
    put(entry: WorkspaceEntry, input: SelectChangeInput) {
      const { path } = entry
      const tracked = base.get(path)
      const problem = entryProblem(entry, tracked, isGitlink, rules, input.ceilings)
      if (problem !== undefined) return void refusals.set(reportedPath(path), problem)
      const put = putFor(entry, tracked, rules, input.baseContents.crlfPaths)
      if (put === undefined) return
      // Room is made last: it already takes away.
      const obstacle = protection(path) ?? twinProblem(index, path) ?? makeRoom(path)
      if (obstacle !== undefined) return void refusals.set(path, obstacle)
      index.add(path)
      changes.set(path, put)
    },
    changes: () => [...changes.values()].sort(byPath),
    refused: () => [...refusals].map(([path, reason]) => ({ path, reason })).sort(byPath),
  }
}

function entryProblem(
  entry: WorkspaceEntry,
  tracked: TreeEntry | undefined,
  isGitlink: (path: string) => boolean,
  rules: Rules,
  ceilings: ChangeCeilings,
): string | undefined {
  const { path, kind } = entry
  const problem = pathProblem(path)
  if (problem !== undefined) return problem
  if ([...foldersAbove(path), path].some(isGitlink)) return SUBMODULE
  if (kind === 'other') return 'it is neither a regular file nor a link'
  if (kind === 'file' && entry.bytes.length > ceilings.maxFileBytes) {
    return `it has ${entry.bytes.length} bytes, more than the ${ceilings.maxFileBytes} allowed for one file`
  }
  if ((kind === 'file' || tracked !== undefined) && rules.isFiltered(path)) return filteredProblem(entry, tracked)
  return kind === 'link' ? linkProblem(path, entry.target) : undefined
}

/** A filtered path that came out as it went in is no attempt to change it. */
function filteredProblem(entry: WorkspaceEntry, tracked: TreeEntry | undefined): string | undefined {
  const isSame = entry.kind === 'file' && tracked?.mode === modeOf(entry) && blobIdFor(entry.bytes) === tracked.objectId
  return isSame ? undefined : FILTERED
}

/** The change a path needs, or undefined when bytes and mode are those of the base tree. */
function putFor(
  entry: WorkspaceEntry,
  tracked: TreeEntry | undefined,
  rules: Rules,
  crlfPaths: ReadonlySet<string>,
): TreeChange | undefined {
  if (entry.kind === 'other') return undefined
  const { path } = entry
  const mode = modeOf(entry)
  const raw = entry.kind === 'link' ? Buffer.from(entry.target) : entry.bytes
  const isBase = (bytes: Uint8Array) => tracked?.mode === mode && blobIdFor(bytes) === tracked.objectId
  if (isBase(raw)) return undefined
  if (entry.kind === 'link') return { kind: 'put', path, mode, bytes: raw }
  const bytes = normaliseLineEndings(raw, rules.lineEndingsOf(path), crlfPaths.has(path))
  return isBase(bytes) ? undefined : { kind: 'put', path, mode, bytes }
}

function modeOf(entry: Exclude<WorkspaceEntry, { kind: 'other' }>): '100644' | '100755' | '120000' {
  if (entry.kind === 'link') return '120000'
  return entry.executable ? '100755' : '100644'
}

function twinProblem(index: PathIndex, path: string): string | undefined {
  const twin = index.isFile(path) ? undefined : index.twinOf(path)
  return twin === undefined ? undefined : `on some systems it is the same as "${twin}"`
}

/** A whole repository inside the tree is reported once, not file by file. */
function reportedPath(path: string): string {
  const parts = path.split('/')
  const dotGit = parts.findIndex(isDotGit)
  return dotGit === -1 ? path : parts.slice(0, dotGit + 1).join('/')
}

function refuseTooLarge(changes: readonly TreeChange[], ceilings: ChangeCeilings): void {
  const totalBytes = changes.reduce((sum, change) => sum + (change.kind === 'put' ? change.bytes.length : 0), 0)
  if (changes.length <= ceilings.maxFiles && totalBytes <= ceilings.maxBytes) return
  throw new DevBotError({
    category: 'invalid-input',
    code: 'change-too-large',
    message:
      `expected a change of at most ${ceilings.maxFiles} files and ${ceilings.maxBytes} bytes, found ${changes.length} files ` +
      `and ${totalBytes} bytes, most of them in ${largestFolders(changes)}; generated files belong into .gitignore`,
  })
}

function largestFolders(changes: readonly TreeChange[]): string {
  const counts = new Map<string, number>()
  for (const { path } of changes) {
    const top = path.includes('/') ? path.slice(0, path.indexOf('/') + 1) : '.'
    counts.set(top, (counts.get(top) ?? 0) + 1)
  }
  const largest = [...counts].sort(([, first], [, second]) => second - first).slice(0, 3)
  return largest.map(([folder, count]) => `${JSON.stringify(folder)} (${count})`).join(', ')
}

/** By code units: the same order on every machine. */
function byPath(first: { readonly path: string }, second: { readonly path: string }): number {
  if (first.path === second.path) return 0
  return first.path < second.path ? -1 : 1
}
