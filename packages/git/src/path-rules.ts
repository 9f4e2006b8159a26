/** Linux's limits; a longer name cannot be checked out. */
const MAX_PATH_BYTES = 4096
const MAX_NAME_BYTES = 255
/** Code points that HFS+ ignores in names (git's utf8.c lists the same). */
const IGNORED_BY_HFS = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g

/**
 * Why a path cannot be looked at at all: it does not name a place inside the tree. Undefined when it does.
 */
export function placeProblem(path: string): string | undefined {
  if (path === '') return 'the path is empty'
  if (path.includes('\0')) return 'the path contains a NUL character'
  if (path.startsWith('/')) return 'the path is absolute'
  const parts = path.split('/')
  if (parts.includes('')) return 'the path has an empty part'
  if (parts.includes('.') || parts.includes('..')) return 'the path has a part "." or ".."'
  return undefined
}

/**
 * Why a new or changed path is not taken, or undefined: everything of `placeProblem`, names that some file system
 * takes for `.git`, backslashes, control characters, bytes that are no UTF-8, names too long to be checked out.
 */
export function pathProblem(path: string): string | undefined {
  const problem = placeProblem(path) ?? textProblem(path)
  if (problem !== undefined) return problem
  const lookAlike = path.split('/').find(isDotGit)
  return lookAlike === undefined ? undefined : `"${lookAlike}" is, or on some systems means, ".git"`
}

function textProblem(path: string): string | undefined {
  if (!isUtf8(path)) return 'the path is not valid UTF-8'
  if (path.includes('\\')) return 'the path contains a backslash'
  if (/\p{Cc}/u.test(path)) return 'the path contains a control character'
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `the path is longer than ${MAX_PATH_BYTES} bytes`
  if (path.split('/').some((part) => Buffer.byteLength(part) > MAX_NAME_BYTES)) {
    return `a part of the path is longer than ${MAX_NAME_BYTES} bytes`
  }
  return undefined
}

/** Whether a name came through decoding unharmed: no replacement character, no half of a surrogate pair. */
export function isUtf8(text: string): boolean {
  return text.isWellFormed() && !text.includes('\ufffd')
}

/**
 * Whether a file system that folds case, ignores code points (HFS+), drops trailing dots and spaces, knows short names
 * or streams (NTFS) would take this name for `.git`.
 */
export function isDotGit(name: string): boolean {
  const folded = foldedName(name)
  return folded === '.git' || /^git~\d+$/.test(folded)
}

/** Names with a meaning to git that must not be links (git's fsck refuses them, too). */
export function isGitFileName(name: string): boolean {
  return ['.gitmodules', '.gitattributes', '.gitignore', '.mailmap'].includes(foldedName(name))
}

/** A name as the most forgiving file system reads it. */
export function foldedName(name: string): string {
  const plain = name.normalize('NFKC').replace(IGNORED_BY_HFS, '').toLowerCase()
  return plain.replace(/:.*$/s, '').replace(/[. ]+$/, '')
}

/** Two paths with the same key are one path on a file system that folds case or normalises Unicode. */
export function twinKeyFor(path: string): string {
  return path.replace(IGNORED_BY_HFS, '').normalize('NFC').toUpperCase().normalize('NFC')
}

/** The folders above a path, from the top: `a/b/c` -> `a`, `a/b`. */
export function foldersAbove(path: string): readonly string[] {
  const folders: string[] = []
  for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
    folders.push(path.slice(0, slash))
  }
  return folders
}
