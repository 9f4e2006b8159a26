import { createHash } from 'node:crypto'
import { type Checkpoint, DevBotError, type ObjectId } from '@devbot/contracts'
import type { TreeChange } from '@devbot/git'
import type { Sandbox } from '@devbot/sandbox'
import type { WorkerDeps } from '../deps.ts'
import { findSecrets } from '../secret-search.ts'
import type { Source } from '../stages/prepare.ts'
import { publishedBy, type WorkSelection } from '../stages/select-work.ts'
import { packChange } from './packed-change.ts'

/** The work in a sandbox, brought out and kept in the store. */
export type TakenTree = {
  readonly treeId: ObjectId
  readonly changes: readonly TreeChange[]
  /** Equal for equal changes. */
  readonly digest: string
}

/**
 * Brings the work out of a sandbox in which everything goes on, and keeps its tree in the store. `before` is the last one,
 * which is answered again when nothing changed. Throws `invalid-input` for work that may not or cannot be kept.
 */
export async function takeTree(
  deps: Pick<WorkerDeps, 'secrets'>,
  { store, startTreeId }: Pick<Source, 'store' | 'startTreeId'>,
  run: { readonly runId: string; readonly sandbox: Sandbox; readonly selection: WorkSelection },
  before: TakenTree | undefined,
): Promise<TakenTree> {
  const change = await run.sandbox.exportChange({ ...run.selection.exportLimits, keepRunning: true })
  const { changes } = await run.selection.select(change)
  const digest = digestOf(changes)
  if (digest === before?.digest) return before
  refuseSecrets(deps, changes)
  const treeId = await store.writeKeptTree(run.runId, startTreeId, changes)
  return { treeId, changes, digest }
}

/** What the ledger keeps of it. */
export async function checkpointOf(
  { treeId, changes }: TakenTree,
  facts: Pick<Checkpoint, 'runId' | 'turn' | 'startTreeId'>,
): Promise<Checkpoint> {
  const packed = await packChange(changes)
  return { version: 1, ...facts, treeId, ...(packed === undefined ? {} : { packed }) }
}

function digestOf(changes: readonly TreeChange[]): string {
  const hash = createHash('sha256')
  for (const change of changes) {
    const put = change.kind === 'put' ? change : undefined
    hash.update(JSON.stringify([change.path, put?.mode, put?.bytes.length]))
    if (put !== undefined) hash.update(put.bytes)
  }
  return hash.digest('hex')
}

function refuseSecrets(deps: Pick<WorkerDeps, 'secrets'>, changes: readonly TreeChange[]): void {
  const found = findSecrets(publishedBy(changes), deps.secrets)
  if (found.length === 0) return
  throw new DevBotError({
    category: 'invalid-input',
    code: 'secret-in-change',
    message: `a value that must never be kept or published is in ${found.map(({ place }) => place).join(', ')}`,
  })
}
