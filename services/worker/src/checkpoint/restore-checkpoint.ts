import type { Checkpoint, ObjectId } from '@devbot/contracts'
import type { RepositoryStore } from '@devbot/git'
import type { Sandbox } from '@devbot/sandbox'
import type { CollectedChange } from '../stages/collect-change.ts'
import type { Source } from '../stages/prepare.ts'
import { unpackChange } from './packed-change.ts'

/**
 * The tree of a checkpoint, in this host's store: it is there, or it is built again from what is packed in the checkpoint.
 * Undefined when neither works, or when the run would not start from the tree it started from then.
 */
export async function restoreCheckpoint(
  store: RepositoryStore,
  { startTreeId }: Pick<Source, 'startTreeId'>,
  checkpoint: Checkpoint,
): Promise<ObjectId | undefined> {
  if (checkpoint.startTreeId !== startTreeId) return undefined
  if (await store.hasWholeTree(checkpoint.treeId)) return checkpoint.treeId
  const changes = checkpoint.packed === undefined ? undefined : await unpackChange(checkpoint.packed)
  if (changes === undefined) return undefined
  const treeId = await store.writeTree(startTreeId, changes)
  if (treeId !== checkpoint.treeId) return undefined
  await store.keepTree(checkpoint.runId, treeId)
  return treeId
}

/** The work of a checkpoint as it would be published; what could not be taken into it is not known any more. */
export function changeOfCheckpoint({ startTreeId, treeId }: Checkpoint): CollectedChange {
  return { treeId, changed: treeId !== startTreeId, refused: [], published: [] }
}

/** Brings a restored tree's work into a sandbox that has tree and setup and was not used yet. */
export async function overlayTree(
  sandbox: Pick<Sandbox, 'overlay'>,
  { store, startTreeId }: Pick<Source, 'store' | 'startTreeId'>,
  treeId: ObjectId,
): Promise<void> {
  if (treeId === startTreeId) return
  const { tar, removedPaths } = await store.exportDifference(startTreeId, treeId)
  await sandbox.overlay(tar, removedPaths)
}
