import { type ObjectId, POLICY_FILE_NAMES } from '@devbot/contracts'
import type { FoundFile, RepositoryStore } from '@devbot/git'

/** Files with a repository's own instructions; in each folder the first that is there counts. */
export const INSTRUCTION_NAMES = ['AGENTS.md', 'CLAUDE.md'] as const

/** Files of a folder whose text says how it is tested. */
const MANIFEST_NAMES = [
  'package.json',
  'deno.json',
  'pyproject.toml',
  'setup.cfg',
  'tox.ini',
  'composer.json',
  'GNUmakefile',
  'makefile',
  'Makefile',
] as const

/** Largest file of a base that is read to learn about its repository; what is larger is named instead. */
const MAX_BASE_FILE_BYTES = 256 * 1024

/** What a run needs to know of the base branch: all paths, and the few files that say how it is worked on. */
export type BaseFiles = {
  readonly paths: readonly string[]
  readonly executables: ReadonlySet<string>
  readonly files: ReadonlyMap<string, FoundFile>
}

/**
 * Reads it from the bare store: three short git processes beside each other, whatever the repository's size. git takes the
 * commit's id for its tree's, so that nothing waits for that one.
 */
export async function readBaseFiles(
  store: Pick<RepositoryStore, 'listTree' | 'readFiles'>,
  commitId: ObjectId,
  workdir: string | undefined,
): Promise<BaseFiles> {
  const [entries, files] = await Promise.all([
    store.listTree(commitId),
    store.readFiles(commitId, wantedPaths(workdir), MAX_BASE_FILE_BYTES),
  ])
  return {
    paths: entries.map(({ path }) => path),
    executables: new Set(entries.filter(({ mode }) => mode === '100755').map(({ path }) => path)),
    files,
  }
}

/** The same base seen from another folder: only what lies on the way there is read anew. */
export async function lookFrom(
  store: Pick<RepositoryStore, 'readFiles'>,
  commitId: ObjectId,
  base: BaseFiles,
  workdir: string,
): Promise<BaseFiles> {
  const more = await store.readFiles(commitId, wantedPaths(workdir), MAX_BASE_FILE_BYTES)
  return { ...base, files: new Map([...base.files, ...more]) }
}

function wantedPaths(workdir: string | undefined): readonly string[] {
  const names = foldersOnTheWay(workdir).flatMap((folder) =>
    [...INSTRUCTION_NAMES, ...MANIFEST_NAMES].map((name) => pathIn(folder, name)),
  )
  return [...POLICY_FILE_NAMES, ...names]
}

/** The folders from the root ('') to the workdir. */
export function foldersOnTheWay(workdir: string | undefined): readonly string[] {
  const parts = workdir === undefined ? [] : workdir.split('/')
  return ['', ...parts.map((_part, index) => parts.slice(0, index + 1).join('/'))]
}

export function pathIn(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`
}

/** A file's text; undefined when there is none, it is no regular file, or it is too large to be read. */
export function textOf(base: Pick<BaseFiles, 'files'>, path: string): string | undefined {
  const found = base.files.get(path)
  return found?.kind === 'file' ? Buffer.from(found.bytes).toString('utf8') : undefined
}
