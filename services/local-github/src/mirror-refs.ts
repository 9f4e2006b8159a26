import { isUtf8 } from 'node:buffer'
import { z } from 'zod'
import type { Emulator } from './emulator.ts'
import { parseCommit, parseTree, type RawTreeEntry } from './git/parse-objects.ts'
import { newObjects } from './git/read-objects.ts'
import type { LocalRepository } from './repositories.ts'

const shaSchema = z.object({ sha: z.string() })
/** File modes the git data API takes; old repositories hold others, which git itself reads as plain files. */
const BLOB_MODES = new Set(['100644', '100755', '120000'])

/**
 * Brings the emulator's refs to what git has: new blobs, trees and commits by its git data API, then the refs. Object
 * ids come out the same, except for what that API cannot express (signed commits, odd encodings): those are noted in
 * `idInEmulator`. To be called alone per repository.
 */
export async function mirrorRefs(
  emulator: Emulator,
  repository: LocalRepository,
  refs: ReadonlyMap<string, string>,
): Promise<void> {
  const changed = [...refs].filter(([ref, id]) => repository.mirroredRefs.get(ref) !== id)
  const known = [...new Set(repository.mirroredRefs.values())]
  await mirrorObjects(
    emulator,
    repository,
    changed.map(([, id]) => id),
    known,
  )
  const base = `/repos/${repository.fullName}/git/refs`
  for (const [ref, id] of changed) {
    const sha = emulatorId(repository, id)
    const path = refPath(ref)
    if (repository.mirroredRefs.has(ref)) {
      await emulator.expect({ method: 'PATCH', path: `${base}/${path}`, body: { sha, force: true } })
    } else await emulator.expect({ method: 'POST', path: base, body: { ref, sha } })
    repository.mirroredRefs.set(ref, id)
  }
  for (const ref of [...repository.mirroredRefs.keys()].filter((name) => !refs.has(name))) {
    await emulator.expect({ method: 'DELETE', path: `${base}/${refPath(ref)}` })
    repository.mirroredRefs.delete(ref)
  }
}

function refPath(ref: string): string {
  return ref.slice('refs/'.length).split('/').map(encodeURIComponent).join('/')
}

function emulatorId(repository: LocalRepository, id: string): string {
  return repository.idInEmulator.get(id) ?? id
}

async function mirrorObjects(
  emulator: Emulator,
  repository: LocalRepository,
  tips: readonly string[],
  known: readonly string[],
): Promise<void> {
  const commits: [string, Buffer][] = []
  const trees = new Map<string, readonly RawTreeEntry[]>()
  // Texts travel inside the first tree that holds them: one request for each folder instead of one for each file.
  const texts = new Map<string, string>()
  const post = async (kind: 'blobs' | 'trees' | 'commits', id: string, body: unknown) => {
    const path = `/repos/${repository.fullName}/git/${kind}`
    const { sha } = shaSchema.parse(await emulator.expect({ method: 'POST', path, body }))
    if (sha !== id) repository.idInEmulator.set(id, sha)
  }
  for await (const object of newObjects(repository.directory, tips, known)) {
    if (object.type === 'commit') commits.push([object.id, object.content])
    if (object.type === 'tree') trees.set(object.id, parseTree(object.content))
    if (object.type === 'blob' && isUtf8(object.content)) texts.set(object.id, object.content.toString('utf8'))
    else if (object.type === 'blob') {
      await post('blobs', object.id, { content: object.content.toString('base64'), encoding: 'base64' })
    }
  }
  for (const id of childrenFirst(trees)) {
    const entries = (trees.get(id) ?? []).map((entry) => {
      const content = texts.get(entry.id)
      texts.delete(entry.id)
      return {
        path: entry.name,
        mode: entry.type === 'blob' && !BLOB_MODES.has(entry.mode) ? '100644' : entry.mode,
        type: entry.type,
        ...(content === undefined ? { sha: emulatorId(repository, entry.id) } : { content }),
      }
    })
    await post('trees', id, { tree: entries })
  }
  // rev-list names children before their parents; the API wants parents first.
  for (const [id, content] of commits.reverse()) {
    const commit = parseCommit(content)
    const parents = commit.parents.map((parent) => emulatorId(repository, parent))
    await post('commits', id, { ...commit, tree: emulatorId(repository, commit.tree), parents })
  }
}

/** Tree ids so that every tree comes after the trees it holds. */
function childrenFirst(trees: ReadonlyMap<string, readonly RawTreeEntry[]>): readonly string[] {
  const ordered = new Set<string>()
  const visit = (id: string) => {
    const entries = trees.get(id)
    if (entries === undefined || ordered.has(id)) return
    for (const entry of entries) if (entry.type === 'tree') visit(entry.id)
    ordered.add(id)
  }
  for (const id of trees.keys()) visit(id)
  return [...ordered]
}
