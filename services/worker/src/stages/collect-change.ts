import type { ObjectId, RunRecord } from '@devbot/contracts'
import type { Sandbox } from '@devbot/sandbox'
import type { Source } from './prepare.ts'
import { createWorkSelection, publishedBy } from './select-work.ts'

export type CollectedChange = {
  readonly treeId: ObjectId
  readonly changed: boolean
  readonly refused: RunRecord['refusedPaths']
  /** What would be published, for the search for secrets. */
  readonly published: ReturnType<typeof publishedBy>
}

/** Brings the sandbox's work out as bytes, judges it entry by entry, and builds the tree that is tested and pushed. */
export async function collectChange(sandbox: Sandbox, source: Source): Promise<CollectedChange> {
  const { store, startTreeId, keptWork } = source
  const selection = await createWorkSelection(source)
  const { changes, refused } = await selection.select(await sandbox.exportChange(selection.exportLimits))
  const treeId = await store.writeTree(startTreeId, changes)
  return {
    treeId,
    changed: treeId !== (keptWork?.baseTreeId ?? startTreeId),
    refused: [...refused],
    published: publishedBy(changes),
  }
}
