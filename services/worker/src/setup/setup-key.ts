import { createHash } from 'node:crypto'
import type { SetupInputs } from './setup-inputs.ts'

/** Changed when what an entry holds, or what a key says, means something else: older entries are then never found. */
const FORMAT = 1

/** Everything that decides what a setup command makes. */
export type SetupKeyFacts = {
  /** The programs in the sandboxes: changes with driver and image. */
  readonly environmentId: string
  /** GitHub's numeric id: a repository that takes over a name gets nothing of the one before it. */
  readonly repositoryId: number
  /**
   * Whose content made it. A base branch is served only by what ran on that base branch; what ran on a task's branch, which
   * the agent wrote, stays with that task's branch.
   */
  readonly scope: { readonly kind: 'base' | 'task'; readonly branch: string }
  readonly command: string
  readonly workdir: string | undefined
  readonly inputs: SetupInputs
}

/** The name of the cache entry: 64 hexadecimal digits. Differs as soon as one fact does. */
export function setupKey(facts: SetupKeyFacts): string {
  const { environmentId, repositoryId, scope, command, workdir, inputs } = facts
  const files =
    inputs.kind === 'tree'
      ? inputs.treeId
      : inputs.files
          .map(({ path, mode, objectId }) => [path, mode, objectId])
          .sort(([a = ''], [b = '']) => (a < b ? -1 : 1))
  // As JSON, no two lists of facts are the same text.
  const text = JSON.stringify([
    FORMAT,
    environmentId,
    repositoryId,
    scope.kind,
    scope.branch,
    command,
    workdir ?? null,
    inputs.kind,
    files,
  ])
  return createHash('sha256').update(text).digest('hex')
}
