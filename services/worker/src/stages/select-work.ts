import { loadBaseContents, loadWantedPaths, type RepositoryStore, selectChange, type TreeChange } from '@devbot/git'
import type { ExportLimits, WorkspaceChange } from '@devbot/sandbox'
import { protectPaths } from '../policy/protect-paths.ts'
import type { Source } from './prepare.ts'

/** Ceilings of one change; far above a reviewable pull request, far below what would hurt the worker. */
const CEILINGS = { maxFiles: 5_000, maxBytes: 64 * 1024 ** 2, maxFileBytes: 16 * 1024 ** 2 }

/** What belongs to the change of a run, entry by entry; what is the same for a whole run is looked up once. */
export type WorkSelection = {
  readonly exportLimits: ExportLimits
  readonly select: (change: WorkspaceChange) => Promise<Pick<ReturnType<typeof selectChange>, 'changes' | 'refused'>>
}

/** For the workspace of a run that starts from this source. */
export async function createWorkSelection({ store, startTreeId, rules }: Source): Promise<WorkSelection> {
  const remembering = rememberRuleFiles(store)
  const baseEntries = await store.listTree(startTreeId)
  const base = { baseTreeId: startTreeId, baseEntries }
  const want = await loadWantedPaths(remembering, base)
  const protection = protectPaths(rules.protectedPaths)
  return {
    exportLimits: { maxFiles: CEILINGS.maxFiles, maxBytes: CEILINGS.maxBytes, want },
    select: async (change) => {
      const maxFileBytes = CEILINGS.maxFileBytes
      const baseContents = await loadBaseContents(remembering, { ...base, change, maxFileBytes })
      return selectChange({ baseEntries, change, baseContents, ceilings: CEILINGS, protection })
    },
  }
}

/** Rule files are small, and asked for at every look; whatever else is read is not. */
function rememberRuleFiles(store: Pick<RepositoryStore, 'readFile'>): Pick<RepositoryStore, 'readFile'> {
  const known = new Map<string, ReturnType<RepositoryStore['readFile']>>()
  return {
    readFile: (treeId, path, maxBytes) => {
      if (!/(^|\/)\.git(ignore|attributes)$/.test(path)) return store.readFile(treeId, path, maxBytes)
      const content = known.get(path) ?? store.readFile(treeId, path, maxBytes)
      known.set(path, content)
      return content
    },
  }
}

/** All bytes that a change would publish, for the search for secrets. */
export function publishedBy(
  changes: readonly TreeChange[],
): readonly { readonly place: string; readonly bytes: Uint8Array }[] {
  return changes.flatMap((entry) => [
    { place: `the name ${entry.path}`, bytes: Buffer.from(entry.path) },
    ...(entry.kind === 'put' ? [{ place: entry.path, bytes: entry.bytes }] : []),
  ])
}
