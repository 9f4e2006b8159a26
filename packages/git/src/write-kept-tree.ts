import { Readable } from 'node:stream'
import { DevBotError, type ObjectId, objectIdSchema } from '@devbot/contracts'
import { keptTreeRef } from './kept-trees.ts'
import type { TreeChange } from './repository-store.ts'
import type { Git } from './spawn-git.ts'
import { refuseBadInput } from './write-tree.ts'

/**
 * Builds the tree that `writeTree` would, and keeps it, in one process: a commit without parents under the ref, whose only
 * purpose is its tree. Its time is 1970, so that a fetch tells servers of it last, if at all.
 */
export async function writeKeptTree(
  git: Git,
  name: string,
  baseTreeId: ObjectId,
  changes: readonly TreeChange[],
): Promise<ObjectId> {
  refuseBadInput(changes)
  const commands = Readable.from(commandsFor(keptTreeRef(name), baseTreeId, changes))
  const { stdout } = await git.run(['fast-import', '--quiet', '--force', '--done'], { stdin: commands })
  const [, treeId] = /^040000 tree ([0-9a-f]{40})\t/.exec(stdout.toString('latin1')) ?? []
  if (treeId !== undefined) return objectIdSchema.parse(treeId)
  throw new DevBotError({
    category: 'transient',
    code: 'git-command-failed',
    message: 'git fast-import did not say which tree it made (the store is a cache: deleting its folder is safe)',
  })
}

function* commandsFor(ref: string, baseTreeId: ObjectId, changes: readonly TreeChange[]): Generator<Uint8Array> {
  const puts = changes.filter((change) => change.kind === 'put')
  for (const [index, { bytes }] of puts.entries()) {
    yield Buffer.from(`blob\nmark :${index + 1}\ndata ${bytes.length}\n`)
    if (bytes.length > 0) yield bytes
    yield Buffer.from('\n')
  }
  yield Buffer.from(`commit ${ref}\ncommitter DevBot <devbot@localhost> 0 +0000\ndata 0\nM 040000 ${baseTreeId} ""\n`)
  // Deletions first, so that a file may take the place of a folder.
  for (const { kind, path } of changes) if (kind === 'delete') yield Buffer.from(`D ${quoted(path)}\n`)
  for (const [index, { mode, path }] of puts.entries()) yield Buffer.from(`M ${mode} :${index + 1} ${quoted(path)}\n`)
  yield Buffer.from('ls ""\n\ndone\n')
}

/** As a C string; everything but plain letters by its octal number. */
function quoted(path: string): string {
  const text = [...Buffer.from(path)].map((byte) =>
    /[\w./-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`,
  )
  return `"${text.join('')}"`
}
