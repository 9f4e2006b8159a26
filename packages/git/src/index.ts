export { openRepositoryStore } from './bare-repository-store.ts'
export { excludedBy } from './excluded-by.ts'
export { createPathGlobs, createProtectedGlobs, isGlob } from './path-globs.ts'
export { createReadMemory } from './read-memory.ts'
export type {
  FoundFile,
  GitCredentials,
  RepositoryStore,
  RepositoryStoreOptions,
  TreeChange,
  TreeEntry,
} from './repository-store.ts'
export { type BaseContents, loadBaseContents } from './rule-files.ts'
export {
  type ChangeCeilings,
  type RefusedPath,
  type SelectChangeInput,
  type SelectedChange,
  selectChange,
  type WorkspaceChange,
  type WorkspaceEntry,
} from './select-change.ts'
export { loadWantedPaths } from './wanted-paths.ts'
