import { basename } from 'node:path'
import type { ObjectId } from '@devbot/contracts'
import type { FoundFile, RepositoryStore } from '@devbot/git'
import type { ChangedFile } from './tamper-concerns.ts'
import { testLanguageOf } from './test-languages.ts'

/** Files that are read to look for weakened tests, the size of one and of all: hostile ones keep the worker busy for seconds, not minutes. */
const MAX_FILES = 400
const MAX_FILE_BYTES = 256 * 1024
const MAX_ALL_CHARACTERS = 4 * 1024 ** 2
const SETTINGS =
  /^(?:package\.json|[^/]*\.(?:config|workspace|conf)\.[^/]{1,10}|\.mocharc[^/]{0,10}|\.rspec|pytest\.ini|tox\.ini|phpunit\.xml(?:\.dist)?)$/

/** The paths that differ between two trees, and of those that may say something about tests both contents. */
export async function changedFiles(
  store: RepositoryStore,
  baseTreeId: ObjectId,
  treeId: ObjectId,
): Promise<{
  readonly paths: readonly string[]
  readonly files: readonly ChangedFile[]
  /** Files that would have been looked at, had they been smaller or fewer. */
  readonly leftOut: number
}> {
  const paths = await changedPaths(store, baseTreeId, treeId)
  const about = paths.filter((path) => testLanguageOf(path) !== undefined || SETTINGS.test(basename(path)))
  const wanted = about.slice(0, MAX_FILES)
  const [was, is] = await Promise.all([
    store.readFiles(baseTreeId, wanted, MAX_FILE_BYTES),
    store.readFiles(treeId, wanted, MAX_FILE_BYTES),
  ])
  let charactersLeft = MAX_ALL_CHARACTERS
  const files = wanted.flatMap((path): readonly ChangedFile[] => {
    const [one, other] = [textOf(was.get(path)), textOf(is.get(path))]
    charactersLeft -= (one?.length ?? 0) + (other?.length ?? 0)
    const isTooLarge = [was, is].some((found) => found.get(path)?.kind === 'too-large')
    if (isTooLarge || charactersLeft < 0) return []
    return [{ path, ...(one === undefined ? {} : { before: one }), ...(other === undefined ? {} : { after: other }) }]
  })
  return { paths, files, leftOut: about.length - files.length }
}

/** The paths whose content or mode differs between two trees, sorted. */
export async function changedPaths(
  store: RepositoryStore,
  oneTreeId: ObjectId,
  otherTreeId: ObjectId,
): Promise<readonly string[]> {
  const [one, other] = await Promise.all([entriesOf(store, oneTreeId), entriesOf(store, otherTreeId)])
  return [...new Set([...one.keys(), ...other.keys()])].filter((path) => one.get(path) !== other.get(path)).sort()
}

function textOf(file: FoundFile | undefined): string | undefined {
  return file?.kind === 'file' ? Buffer.from(file.bytes).toString('utf8') : undefined
}

async function entriesOf(store: RepositoryStore, treeId: ObjectId): Promise<ReadonlyMap<string, string>> {
  const entries = await store.listTree(treeId)
  return new Map(entries.map(({ path, mode, objectId }) => [path, `${mode} ${objectId}`]))
}
