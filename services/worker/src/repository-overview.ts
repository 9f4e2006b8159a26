/** An overview in characters: about 700 tokens, paid once and then read from cache. */
const MAX_CHARACTERS = 2_400
/** Files of one folder that are named; a folder of thousands is told by its first ones. */
const MAX_NAMED_FILES = 40
/** The same for closed folders. */
const MAX_NAMED_FOLDERS = 60
/** So many files with the same ending are worth a pair of braces. */
const WORTH_BRACES = 3

/**
 * What a repository holds, a line for each folder in the notation of a shell: `src/{cli,index}.ts`. Every file of a small
 * one; of a larger one its folders with how many files are in them, opened from the top as long as there is room.
 * `workdir` is opened first.
 */
export function describePaths(paths: readonly string[], workdir?: string, maxCharacters = MAX_CHARACTERS): string {
  const root = treeOf(paths)
  const opened = openFolders(root, workdir, maxCharacters)
  const lines = [...opened].sort(byPath).flatMap(([folder, at]) => linesOf(folder, at, opened))
  const files = `(${paths.length} ${paths.length === 1 ? 'file' : 'files'})`
  return [...lines, files].join('\n')
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

/** Folders whose content is shown, and where they are: `` is the root, `src/`. */
type Opened = ReadonlyMap<Folder, string>

/** Breadth first: what lies near the top says most. A folder whose lines do not fit stays closed. */
function openFolders(root: Folder, workdir: string | undefined, maxCharacters: number): Opened {
  const opened = new Map([[root, '']])
  let room = maxCharacters - costOf(root, '')
  const open = (folder: Folder, at: string) => {
    if (opened.has(folder)) return true
    const cost = costOf(folder, at)
    if (cost > room) return false
    room -= cost
    opened.set(folder, at)
    return true
  }
  let way: Folder | undefined = root
  let wayAt = ''
  for (const part of workdir?.split('/') ?? []) {
    way = way?.folders.get(part)
    wayAt += `${visible(part)}/`
    if (way !== undefined) open(way, wayAt)
  }
  const queue: { readonly folder: Folder; readonly at: string }[] = [{ folder: root, at: '' }]
  for (const { folder, at } of queue) {
    for (const [name, child] of folder.folders) {
      const childAt = `${at}${visible(name)}/`
      if (open(child, childAt)) queue.push({ folder: child, at: childAt })
    }
  }
  return opened
}

const NONE: Opened = new Map()

function costOf(folder: Folder, at: string): number {
  return linesOf(folder, at, NONE).reduce((sum, line) => sum + line.length + 1, 0)
}

function byPath([, a]: readonly [Folder, string], [, b]: readonly [Folder, string]): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** What lies directly in a folder; of its folders those that have no lines of their own. */
function linesOf(folder: Folder, at: string, opened: Opened): readonly string[] {
  const closed = [...folder.folders].filter(([, child]) => !opened.has(child))
  const folders = closed.slice(0, MAX_NAMED_FOLDERS).map(([name, child]) => `${visible(name)}/ (${child.count})`)
  return [
    ...(folders.length === 0 ? [] : [`${at}${inBraces(folders)}`]),
    ...more(closed.length - MAX_NAMED_FOLDERS, 'folders', at),
    ...fileLines(folder.files.slice(0, MAX_NAMED_FILES).map(visible), at),
    ...more(folder.files.length - MAX_NAMED_FILES, 'files', at),
  ]
}

/** One line for all files with the same ending, where there are some; one for the rest. */
function fileLines(names: readonly string[], at: string): readonly string[] {
  const byEnding = Map.groupBy(names, endingOf)
  const groups = [...byEnding].filter(([ending, group]) => ending !== '' && group.length >= WORTH_BRACES)
  const grouped = new Set(groups.flatMap(([, group]) => group))
  const rest = names.filter((name) => !grouped.has(name))
  return [
    ...groups.map(([ending, group]) => `${at}${inBraces(group.map((name) => name.slice(0, -ending.length)))}${ending}`),
    ...(rest.length === 0 ? [] : [`${at}${inBraces(rest)}`]),
  ]
}

/** `.test.ts` of `a.test.ts`; none of a name that begins with its only dot. */
function endingOf(name: string): string {
  const dot = name.indexOf('.', 1)
  return dot === -1 ? '' : name.slice(dot)
}

function inBraces(names: readonly string[]): string {
  return names.length === 1 ? names.join() : `{${names.join(',')}}`
}

function more(count: number, what: string, at: string): readonly string[] {
  return count > 0 ? [`${at} and ${count} more ${what}`] : []
}

/** A name that cannot look like another line, or like two names. */
function visible(name: string): string {
  const shown = name.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, '?')
  return /[\s,{}"]/.test(shown) ? JSON.stringify(shown) : shown
}
