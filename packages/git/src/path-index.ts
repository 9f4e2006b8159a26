import { foldersAbove, twinKeyFor } from './path-rules.ts'

/** The paths of a tree that is being put together: which are files, which are folders, and which would be twins. */
export type PathIndex = {
  isFile(path: string): boolean
  /** Files below a folder; empty when there is no such folder. */
  filesBelow(folder: string): readonly string[]
  add(path: string): void
  remove(path: string): void
  /** Another spelling of the path, or of a folder above it, that is there already; undefined when there is none. */
  twinOf(path: string): string | undefined
}

export function createPathIndex(paths: Iterable<string>): PathIndex {
  const files = new Set<string>()
  /** Folder -> how many files are below it. */
  const folders = new Map<string, number>()
  /** Twin key -> the spellings that are there. */
  const spellings = new Map<string, Set<string>>()

  function addSpelling(path: string) {
    const key = twinKeyFor(path)
    const known = spellings.get(key)
    if (known === undefined) spellings.set(key, new Set([path]))
    else known.add(path)
  }

  const index: PathIndex = {
    isFile: (path) => files.has(path),
    filesBelow: (folder) => (folders.has(folder) ? [...files].filter((path) => path.startsWith(`${folder}/`)) : []),
    add(path) {
      if (files.has(path)) return
      files.add(path)
      addSpelling(path)
      for (const folder of foldersAbove(path)) {
        const count = folders.get(folder) ?? 0
        folders.set(folder, count + 1)
        if (count === 0) addSpelling(folder)
      }
    },
    remove(path) {
      if (!files.delete(path)) return
      spellings.get(twinKeyFor(path))?.delete(path)
      for (const folder of foldersAbove(path)) {
        const count = (folders.get(folder) ?? 1) - 1
        if (count > 0) folders.set(folder, count)
        else {
          folders.delete(folder)
          spellings.get(twinKeyFor(folder))?.delete(folder)
        }
      }
    },
    twinOf(path) {
      for (const name of [...foldersAbove(path), path]) {
        const known = spellings.get(twinKeyFor(name))
        if (known === undefined || known.has(name)) continue
        const [twin] = known
        if (twin !== undefined) return twin
      }
      return undefined
    },
  }
  for (const path of paths) index.add(path)
  return index
}
