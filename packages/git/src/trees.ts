import type { Readable } from 'node:stream'
import { type ObjectId, objectIdSchema } from '@devbot/contracts'
import type { TreeEntry } from './repository-store.ts'
import type { Git } from './spawn-git.ts'

type LongEntry = TreeEntry & { readonly size: number | undefined }

/** All paths of a tree, recursively, in git's order. Names that are no valid UTF-8 carry U+FFFD. */
export async function listTree(git: Git, treeId: ObjectId): Promise<readonly TreeEntry[]> {
  const { stdout } = await git.run(['ls-tree', '-r', '-z', '--full-tree', treeId])
  return records(stdout).map(parseEntry)
}

/** Bytes of all files and link targets of a tree. */
export async function treeBytes(git: Git, treeId: ObjectId): Promise<number> {
  const { stdout } = await git.run(['ls-tree', '-r', '-l', '-z', '--full-tree', treeId])
  return records(stdout).reduce((total, record) => total + (parseLongEntry(record).size ?? 0), 0)
}

/** A regular file's bytes; undefined for a missing path, a link, a folder, a submodule, and beyond `maxBytes`. */
export async function readFile(
  git: Git,
  treeId: ObjectId,
  path: string,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  if (path === '' || path.includes('\0')) return undefined
  const { stdout } = await git.run(['ls-tree', '-l', '-z', '--full-tree', treeId, '--', path])
  const entry = records(stdout)
    .map(parseLongEntry)
    .find((candidate) => candidate.path === path)
  if (entry === undefined || !entry.mode.startsWith('100')) return undefined
  if (entry.size === undefined || entry.size > maxBytes) return undefined
  const blob = await git.run(['cat-file', 'blob', entry.objectId], { maxOutputBytes: entry.size })
  return new Uint8Array(blob.stdout)
}

/**
 * The tree as tar. Attributes are neutralised by the store's `info/attributes`. A gitlink (submodule) appears as an
 * empty folder. Files are 0644 or 0755, their time is now.
 */
export function exportTree(git: Git, treeId: ObjectId): Readable {
  const tar = git.stream(['archive', '--format=tar', treeId])
  // Whoever reads it gets the error; one that comes before anybody reads must not end the process.
  tar.on('error', () => undefined)
  return tar
}

function records(output: Buffer): readonly string[] {
  const text = output.toString('utf8')
  return text === '' ? [] : text.replace(/\0$/, '').split('\0')
}

/** `<mode> <type> <id>\t<path>` */
function parseEntry(record: string): TreeEntry {
  const tab = record.indexOf('\t')
  const [mode, , id] = record.slice(0, tab).split(' ')
  return { path: record.slice(tab + 1), mode: modeFor(mode), objectId: objectIdSchema.parse(id) }
}

/** `<mode> <type> <id> <size, padded>\t<path>`; the size of what is no blob is `-`. */
function parseLongEntry(record: string): LongEntry {
  const tab = record.indexOf('\t')
  const size = Number(record.slice(0, tab).split(/ +/)[3])
  return { ...parseEntry(record), size: Number.isInteger(size) ? size : undefined }
}

/** Old repositories hold other permission bits (100664); what counts is executable or not. */
function modeFor(mode: string | undefined): TreeEntry['mode'] {
  if (mode === '120000' || mode === '160000') return mode
  return mode === '100755' ? '100755' : '100644'
}
