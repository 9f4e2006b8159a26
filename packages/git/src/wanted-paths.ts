import type { ObjectId } from '@devbot/contracts'
import { createIgnoreRules, nameOf } from './gitignore.ts'
import { placeProblem } from './path-rules.ts'
import type { RepositoryStore, TreeEntry } from './repository-store.ts'
import { readRuleFiles } from './rule-files.ts'
import { MAX_MATCH_STEPS } from './wildmatch.ts'

/**
 * Loads what decides which paths of a workspace may belong to a change at all: tracked ones, and those that no
 * `.gitignore` excludes. The answer is asked before a file is read, so that an agent's `npm install` costs nothing;
 * `selectChange` judges again what comes out.
 */
export async function loadWantedPaths(
  store: Pick<RepositoryStore, 'readFile'>,
  input: { readonly baseTreeId: ObjectId; readonly baseEntries: readonly TreeEntry[] },
): Promise<(paths: readonly string[], changedIgnoreFiles: ReadonlyMap<string, Uint8Array>) => ReadonlySet<string>> {
  const tracked = new Set(input.baseEntries.map((entry) => entry.path))
  const ignorePaths = input.baseEntries.filter(
    (entry) => nameOf(entry.path) === '.gitignore' && entry.mode.startsWith('100'),
  )
  const baseFiles = await readRuleFiles(
    store,
    input.baseTreeId,
    ignorePaths.map((entry) => entry.path),
  )
  return (paths, changedIgnoreFiles) => {
    const rules = createIgnoreRules(new Map([...baseFiles, ...changedIgnoreFiles]), { steps: MAX_MATCH_STEPS })
    // A path in a place where none may be is wanted, so that it is refused by name and not left out in silence.
    return new Set(
      paths.filter((path) => tracked.has(path) || placeProblem(path) !== undefined || !rules.isIgnored(path)),
    )
  }
}
