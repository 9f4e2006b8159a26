import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type ObjectId, objectIdSchema } from '@devbot/contracts'
import { temporaryFolderOf } from './bare-repository.ts'
import { foldersAbove } from './path-rules.ts'
import type { RepositoryStore } from './repository-store.ts'
import type { Git } from './spawn-git.ts'
import { exportTree } from './trees.ts'

type Difference = { readonly path: string; readonly mode: string; readonly objectId: string; readonly status: string }

/** What has to be removed from one tree and unpacked over it to have the other. */
export async function exportDifference(
  git: Git,
  fromTreeId: ObjectId,
  toTreeId: ObjectId,
): ReturnType<RepositoryStore['exportDifference']> {
  const { stdout } = await git.run([
    'diff-tree',
    '-r',
    '-z',
    '--raw',
    '--no-renames',
    '--no-abbrev',
    fromTreeId,
    toTreeId,
  ])
  const differences = parseRaw(stdout.toString('utf8'))
  const deleted = differences.filter(({ status }) => status === 'D').map(({ path }) => path)
  // A tar alone puts no file in the place of a folder, and some put no link in the place of a file.
  const oldFolders = new Set(deleted.flatMap(foldersAbove))
  const put = differences.filter(({ status }) => status !== 'D')
  const inTheWay = put.filter(({ path, status }) => status === 'T' || oldFolders.has(path)).map(({ path }) => path)
  const tar = exportTree(git, await treeOf(git, put))
  return { tar, removedPaths: [...deleted, ...inTheWay] }
}

/** `:<old mode> <new mode> <old id> <new id> <status>`, then the path. */
function parseRaw(output: string): readonly Difference[] {
  const fields = output.split('\0')
  const differences: Difference[] = []
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const [, mode = '', , objectId = '', status = ''] = (fields[index] ?? '').split(' ')
    differences.push({ path: fields[index + 1] ?? '', mode, objectId, status })
  }
  return differences
}

/** A tree of nothing but these. */
async function treeOf(git: Git, entries: readonly Difference[]): Promise<ObjectId> {
  const indexFile = join(temporaryFolderOf(git.directory), randomUUID())
  const environment = { GIT_INDEX_FILE: indexFile }
  try {
    const lines = entries.map(({ mode, objectId, path }) => `${mode} ${objectId} 0\t${path}\0`).join('')
    await git.run(['update-index', '-z', '--index-info'], { environment, stdin: lines })
    const { stdout } = await git.run(['write-tree'], { environment })
    return objectIdSchema.parse(stdout.toString('utf8').trim())
  } finally {
    await rm(indexFile, { force: true })
  }
}
