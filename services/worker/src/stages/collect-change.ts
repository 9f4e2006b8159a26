import type { ObjectId, RunRecord } from '@devbot/contracts'
import { loadBaseContents, loadWantedPaths, selectChange } from '@devbot/git'
import type { Sandbox } from '@devbot/sandbox'
import { protectPaths } from '../policy/protect-paths.ts'
import type { Source } from './prepare.ts'

/** Ceilings of one change; far above a reviewable pull request, far below what would hurt the worker. */
const CEILINGS = { maxFiles: 5_000, maxBytes: 64 * 1024 ** 2, maxFileBytes: 16 * 1024 ** 2 }

export type CollectedChange = {
  readonly treeId: ObjectId
  readonly changed: boolean
  readonly refused: RunRecord['refusedPaths']
  /** What would be published, for the search for secrets. */
  readonly published: readonly { readonly place: string; readonly bytes: Uint8Array }[]
}

/** Brings the sandbox's work out as bytes, judges it entry by entry, and builds the tree that is tested and pushed. */
export async function collectChange(sandbox: Sandbox, source: Source): Promise<CollectedChange> {
  const { store, startTreeId } = source
  const baseEntries = await store.listTree(startTreeId)
  const want = await loadWantedPaths(store, { baseTreeId: startTreeId, baseEntries })
  const change = await sandbox.exportChange({ maxFiles: CEILINGS.maxFiles, maxBytes: CEILINGS.maxBytes, want })
  const baseContents = await loadBaseContents(store, {
    baseTreeId: startTreeId,
    baseEntries,
    change,
    maxFileBytes: CEILINGS.maxFileBytes,
  })
  const { changes, refused } = selectChange({
    baseEntries,
    change,
    baseContents,
    ceilings: CEILINGS,
    protection: protectPaths(source.rules.protectedPaths),
  })
  const treeId = changes.length === 0 ? startTreeId : await store.writeTree(startTreeId, changes)
  return {
    treeId,
    changed: treeId !== startTreeId,
    refused: [...refused],
    published: changes.flatMap((entry) => [
      { place: `the name ${entry.path}`, bytes: Buffer.from(entry.path) },
      ...(entry.kind === 'put' ? [{ place: entry.path, bytes: entry.bytes }] : []),
    ]),
  }
}
