import { nameOf } from './gitignore.ts'
import { hasCrlf } from './line-endings.ts'
import { foldersAbove } from './path-rules.ts'
import type { RepositoryStore, TreeEntry } from './repository-store.ts'
import type { WorkspaceChange } from './select-change.ts'

/** A larger rule file is taken as empty. */
const MAX_RULE_FILE_BYTES = 1024 * 1024
/** Reads at the same time; each is two short processes. */
const PARALLEL_READS = 8

export type BaseContents = {
  /** Contents of the base tree's `.gitignore` and `.gitattributes` files, by path. */
  readonly ruleFiles: ReadonlyMap<string, Uint8Array>
  /** Changed text files that have CRLF line ends in the base tree. */
  readonly crlfPaths: ReadonlySet<string>
}

/** Reads from the store what `selectChange` needs to know of the base tree's contents: only what the change touches. */
export async function loadBaseContents(
  store: Pick<RepositoryStore, 'readFile'>,
  input: {
    readonly baseTreeId: Parameters<RepositoryStore['readFile']>[0]
    readonly baseEntries: readonly TreeEntry[]
    readonly change: WorkspaceChange
    readonly maxFileBytes: number
  },
): Promise<BaseContents> {
  const { baseTreeId, change } = input
  const touched = [...change.entries.map((entry) => entry.path), ...change.deletedPaths]
  const folders = new Set(['', ...touched.flatMap(foldersAbove)])
  const files = new Set(input.baseEntries.filter((entry) => entry.mode.startsWith('100')).map((entry) => entry.path))
  const rulePaths = [...files].filter((path) => isRuleFile(path) && folders.has(folderOf(path)))
  const crlfCandidates = change.entries.flatMap((entry) =>
    entry.kind === 'file' && files.has(entry.path) && hasCrlf(entry.bytes) ? [entry.path] : [],
  )
  const ruleFiles = await readRuleFiles(store, baseTreeId, rulePaths)
  const candidates = await readAll(crlfCandidates, (path) => store.readFile(baseTreeId, path, input.maxFileBytes))
  return { ruleFiles, crlfPaths: new Set([...candidates].flatMap(([path, bytes]) => (hasCrlf(bytes) ? [path] : []))) }
}

/** The contents of rule files of a tree, by path; one that is too large is left out. */
export function readRuleFiles(
  store: Pick<RepositoryStore, 'readFile'>,
  treeId: Parameters<RepositoryStore['readFile']>[0],
  paths: readonly string[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  return readAll(paths, (path) => store.readFile(treeId, path, MAX_RULE_FILE_BYTES))
}

async function readAll(
  paths: readonly string[],
  read: (path: string) => Promise<Uint8Array | undefined>,
): Promise<Map<string, Uint8Array>> {
  const contents = new Map<string, Uint8Array>()
  for (let start = 0; start < paths.length; start += PARALLEL_READS) {
    const group = paths.slice(start, start + PARALLEL_READS)
    const found = await Promise.all(group.map(read))
    group.forEach((path, index) => {
      const bytes = found[index]
      if (bytes !== undefined) contents.set(path, bytes)
    })
  }
  return contents
}

/** The rule files of one name as they are after the change. Only regular files count: git follows no links here. */
export function ruleFilesAfter(
  name: '.gitignore' | '.gitattributes',
  base: ReadonlyMap<string, Uint8Array>,
  change: WorkspaceChange,
): ReadonlyMap<string, Uint8Array> {
  const files = new Map([...base].filter(([path]) => nameOf(path) === name))
  for (const path of change.deletedPaths) files.delete(path)
  for (const entry of change.entries) {
    if (nameOf(entry.path) !== name) continue
    if (entry.kind === 'file' && entry.bytes.length <= MAX_RULE_FILE_BYTES) files.set(entry.path, entry.bytes)
    else files.delete(entry.path)
  }
  return files
}

function isRuleFile(path: string): boolean {
  return nameOf(path) === '.gitignore' || nameOf(path) === '.gitattributes'
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}
