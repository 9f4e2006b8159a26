/** An overview in characters: about 1,200 tokens, paid once and then read from cache. */
const MAX_CHARACTERS = 4_800

/**
 * What a repository holds, in lines that fit: every file of a small one; of a larger one its folders with how many files
 * are in them, opened from the top as long as there is room. `workdir` is opened first.
 */
export function describePaths(paths: readonly string[], workdir?: string, maxCharacters = MAX_CHARACTERS): string {
  const files = `${paths.length} ${paths.length === 1 ? 'file' : 'files'}`
  const characters = paths.reduce((sum, path) => sum + path.length + 1, 0)
  if (characters <= maxCharacters) return [...paths.map(visible), `(${files})`].join('\n')
  const root = treeOf(paths)
  const opened = openFolders(root, workdir, maxCharacters)
  return [...linesOf(root, '', opened), `(${files})`].join('\n')
}

type Folder = { readonly folders: Map<string, Folder>; readonly files: string[]; count: number }

function newFolder(): Folder {
  return { folders: new Map(), files: [], count: 0 }
}

function treeOf(paths: readonly string[]): Folder {
  const root = newFolder()
  for (const path of paths) {
    const parts = path.split('/')
    const name = parts.pop() ?? ''
    let folder = root
    folder.count += 1
    for (const part of parts) {
      const next = folder.folders.get(part) ?? newFolder()
      folder.folders.set(part, next)
      next.count += 1
      folder = next
    }
    folder.files.push(name)
  }
  return root
}

/** Breadth first: what lies near the top says most. A folder whose listing does not fit stays closed. */
function openFolders(root: Folder, workdir: string | undefined, maxCharacters: number): ReadonlySet<Folder> {
  const opened = new Set([root])
  let room = maxCharacters - costOf(root, 0)
  const open = (folder: Folder, depth: number) => {
    const cost = costOf(folder, depth)
    if (opened.has(folder)) return true
    if (cost > room) return false
    room -= cost
    opened.add(folder)
    return true
  }
  const queue: { readonly folder: Folder; readonly depth: number }[] = [{ folder: root, depth: 0 }]
  let way: Folder | undefined = root
  for (const [index, part] of (workdir?.split('/') ?? []).entries()) {
    way = way?.folders.get(part)
    if (way !== undefined) open(way, index + 1)
  }
  for (const { folder, depth } of queue) {
    for (const child of folder.folders.values()) {
      if (open(child, depth + 1)) queue.push({ folder: child, depth: depth + 1 })
    }
  }
  return opened
}

/** Files of one folder that are named; a folder of thousands is told by its first ones. */
const MAX_NAMED_FILES = 40
/** The same for folders. */
const MAX_NAMED_FOLDERS = 100
/** Indentation, count and line end of a line. */
const LINE_OVERHEAD = 14

function costOf(folder: Folder, depth: number): number {
  const names = [...[...folder.folders.keys()].slice(0, MAX_NAMED_FOLDERS), ...folder.files.slice(0, MAX_NAMED_FILES)]
  return names.reduce((sum, name) => sum + name.length + 2 * depth + LINE_OVERHEAD, LINE_OVERHEAD)
}

function linesOf(folder: Folder, indent: string, opened: ReadonlySet<Folder>): readonly string[] {
  const folders = [...folder.folders]
    .slice(0, MAX_NAMED_FOLDERS)
    .flatMap(([name, child]) => [
      `${indent}${visible(name)}/ (${child.count})`,
      ...(opened.has(child) ? linesOf(child, `${indent}  `, opened) : []),
    ])
  const files = folder.files.slice(0, MAX_NAMED_FILES).map((name) => `${indent}${visible(name)}`)
  return [
    ...folders,
    ...more(folder.folders.size - MAX_NAMED_FOLDERS, 'folders', indent),
    ...files,
    ...more(folder.files.length - MAX_NAMED_FILES, 'files', indent),
  ]
}

function more(count: number, what: string, indent: string): readonly string[] {
  return count > 0 ? [`${indent}and ${count} more ${what}`] : []
}

/** A name that cannot look like another line. */
function visible(name: string): string {
  return name.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, '?')
}
