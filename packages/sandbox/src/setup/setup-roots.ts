import { escapeBytes } from '../channel/frames.ts'

/** What is there already, by path (one character per byte). */
export type Occupied = { readonly files: ReadonlySet<string>; readonly folders: ReadonlySet<string> }

/** Folders are those given and all that the files lie in. */
export function occupiedBy(files: Iterable<string>, folders: Iterable<string> = []): Occupied {
  const fileSet = new Set(files)
  const folderSet = new Set(folders)
  for (const path of fileSet) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const folder = path.slice(0, end)
      if (folderSet.has(folder)) break
      folderSet.add(folder)
    }
  }
  return { files: fileSet, folders: folderSet }
}

/**
 * The shallowest paths that hold all of `paths` for which there is room, and nothing that is there already: each can be
 * moved as a whole. A path is left out where something else has its place, or a file the place of one of its folders;
 * also the repository at the root, which is the agent's own.
 */
export function freeRoots(paths: Iterable<string>, { files, folders }: Occupied): readonly string[] {
  const roots = new Set<string>()
  for (const path of paths) {
    const root = freeRootOf(path, files, folders)
    if (root !== undefined) roots.add(root)
  }
  return [...roots]
}

function freeRootOf(path: string, files: ReadonlySet<string>, folders: ReadonlySet<string>): string | undefined {
  if (path === '.git' || path.startsWith('.git/')) return undefined
  for (let end = path.indexOf('/'); ; end = path.indexOf('/', end + 1)) {
    const prefix = end === -1 ? path : path.slice(0, end)
    if (files.has(prefix)) return undefined
    if (!folders.has(prefix)) return prefix
    if (end === -1) return undefined
  }
}

/** Names in one request; an argument list can hold far more. */
const MAX_REQUEST_BYTES = 16 * 1024

/**
 * Lines for MOVE_ROOTS: `FOLDER//NAME/NAME/…`, escaped. A slash is the one character that is in no name, so that the
 * shell can split at it whatever else the names hold.
 */
export function* moveRequests(roots: Iterable<string>): Generator<string> {
  const byFolder = Map.groupBy(roots, (root) => root.slice(0, Math.max(0, root.lastIndexOf('/'))) || '.')
  for (const [folder, group] of byFolder) {
    let names = ''
    for (const root of group) {
      names += `/${root.slice(root.lastIndexOf('/') + 1)}`
      if (names.length < MAX_REQUEST_BYTES) continue
      yield request(folder, names)
      names = ''
    }
    if (names !== '') yield request(folder, names)
  }
}

function request(folder: string, names: string): string {
  return `${escapeBytes(Buffer.from(`${folder}/${names}`, 'latin1'))}\n`
}

/**
 * A shell function: `move_roots FROM TO` reads such lines and moves each name from its folder in FROM to the same folder
 * in TO, where nothing has its place. Renames within one file system: nothing is copied, hard links stay together.
 */
export const MOVE_ROOTS = `
move_roots() {
  set -f
  while IFS= read -r line; do
    group=$(printf '%bx' "$line")
    group=\${group%x}
    folder=\${group%%//*}
    mkdir -p -- "$2/$folder" || return
    IFS=/
    # shellcheck disable=SC2086
    set -- "$1" "$2" \${group#*//}
    unset IFS
    move_names "$folder" "$@" || return
  done
}
move_names() {
  target=$3/$1
  cd -- "$2/$1" || return
  shift 3
  for name do
    shift
    if [ -e "$target/$name" ] || [ -L "$target/$name" ]; then continue; fi
    if [ -e "$name" ] || [ -L "$name" ]; then set -- "$@" "$name"; fi
  done
  [ $# -eq 0 ] || mv -- "$@" "$target/"
}`
