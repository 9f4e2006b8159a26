import { isDotGit, isGitFileName, isUtf8 } from './path-rules.ts'

/** Linux's limit for a link's target. */
const MAX_TARGET_BYTES = 4095

/**
 * Why a symbolic link is not taken, or undefined. A target is relative, stays inside the tree and avoids `.git`. `..`
 * is allowed only at its start: after a name it could climb out through another link.
 */
export function linkProblem(path: string, target: string): string | undefined {
  const folders = path.split('/')
  const name = folders.pop() ?? ''
  if (isGitFileName(name)) return `"${name}" must not be a link`
  if (target === '') return 'the link has no target'
  if (!isUtf8(target) || /[\p{Cc}\\]/u.test(target))
    return 'the target has a backslash, a control character or no valid UTF-8'
  if (Buffer.byteLength(target) > MAX_TARGET_BYTES) return `the target is longer than ${MAX_TARGET_BYTES} bytes`
  if (target.startsWith('/')) return 'the target is absolute'
  const parts = target.split('/').filter((part) => part !== '' && part !== '.')
  const firstName = parts.findIndex((part) => part !== '..')
  const climbs = firstName === -1 ? parts.length : firstName
  if (climbs > folders.length) return 'the target lies outside the repository'
  if (parts.slice(climbs).includes('..')) return 'the target has ".." after a name'
  if (parts.some(isDotGit)) return 'the target leads into ".git"'
  return undefined
}
