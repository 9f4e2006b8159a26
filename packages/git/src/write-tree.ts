import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { DevBotError, type ObjectId, objectIdSchema } from '@devbot/contracts'
import { temporaryFolderOf } from './bare-repository.ts'
import { blobIdFor } from './blob-id.ts'
import { pathProblem } from './path-rules.ts'
import type { TreeChange } from './repository-store.ts'
import type { Git } from './spawn-git.ts'

type Put = Extract<TreeChange, { kind: 'put' }>
type PutWithId = Put & { readonly objectId: ObjectId }

const NO_OBJECT = '0'.repeat(40)

/**
 * Builds a tree: blobs by `fast-import`, then base tree plus changes through an index file of its own. No filter, no
 * attribute and no work tree takes part. A put replaces a file by a folder and the other way round.
 */
export async function writeTree(git: Git, baseTreeId: ObjectId, changes: readonly TreeChange[]): Promise<ObjectId> {
  if (changes.length === 0) return baseTreeId
  refuseBadInput(changes)
  const puts = changes
    .filter((change) => change.kind === 'put')
    .map((put) => ({ ...put, objectId: blobIdFor(put.bytes) }))
  if (puts.length > 0) await writeBlobs(git, puts)
  const indexFile = join(temporaryFolderOf(git.directory), randomUUID())
  const environment = { GIT_INDEX_FILE: indexFile }
  try {
    await git.run(['read-tree', baseTreeId], { environment })
    await git.run(['update-index', '-z', '--index-info'], { environment, stdin: indexLinesFor(changes, puts) })
    const { stdout } = await git.run(['write-tree'], { environment })
    return objectIdSchema.parse(stdout.toString('utf8').trim())
  } finally {
    await rm(indexFile, { force: true })
  }
}

async function writeBlobs(git: Git, puts: readonly PutWithId[]): Promise<void> {
  const unique = new Map(puts.map((put) => [put.objectId, put.bytes]))
  await git.run(['fast-import', '--quiet', '--done'], { stdin: Readable.from(blobCommands(unique.values())) })
}

function* blobCommands(blobs: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const bytes of blobs) {
    yield Buffer.from(`blob\ndata ${bytes.length}\n`)
    if (bytes.length > 0) yield bytes
    yield Buffer.from('\n')
  }
  yield Buffer.from('done\n')
}

/** Deletions first, so that a file may take the place of a folder. `<mode> <id> 0\t<path>`, mode 0 deletes. */
function indexLinesFor(changes: readonly TreeChange[], puts: readonly PutWithId[]): string {
  const deletions = changes.filter((change) => change.kind === 'delete').map(({ path }) => `0 ${NO_OBJECT}\t${path}\0`)
  return [...deletions, ...puts.map((put) => `${put.mode} ${put.objectId} 0\t${put.path}\0`)].join('')
}

/** Throws `invalid-input`, `git-path-refused`, for paths that may not be part of a change, or not together. */
export function refuseBadInput(changes: readonly TreeChange[]): void {
  const paths = new Set<string>()
  const putPaths = new Set<string>()
  for (const { kind, path } of changes) {
    const problem = kind === 'put' ? pathProblem(path) : path === '' || path.includes('\0') ? 'no path' : undefined
    if (problem !== undefined) throw refusedPath(path, problem)
    if (paths.has(path)) throw refusedPath(path, 'it occurs twice in one change')
    paths.add(path)
    if (kind === 'put') putPaths.add(path)
  }
  for (const path of putPaths) {
    const parent = ancestorsOf(path).find((folder) => putPaths.has(folder))
    if (parent !== undefined) throw refusedPath(path, `"${parent}" is a file in the same change`)
  }
}

function ancestorsOf(path: string): readonly string[] {
  const parts = path.split('/')
  return parts.slice(1).map((_part, index) => parts.slice(0, index + 1).join('/'))
}

function refusedPath(path: string, problem: string): DevBotError {
  return new DevBotError({
    category: 'invalid-input',
    code: 'git-path-refused',
    message: `expected only paths that may be part of a change, found ${JSON.stringify(path)}: ${problem}`,
  })
}
