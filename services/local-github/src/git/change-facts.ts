import { parseCommit, type RawCommit } from './parse-objects.ts'
import { gitText, runGit } from './run-git.ts'

/** One changed file, with what GitHub tells about it. */
export type ChangedFile = {
  readonly path: string
  readonly previousPath?: string
  readonly status: 'added' | 'removed' | 'modified' | 'renamed' | 'copied' | 'changed'
  readonly blobId: string
  readonly additions: number
  readonly deletions: number
  /** The hunks; absent for binary files and pure renames. */
  readonly patch?: string
}

const STATUS_WORDS: Readonly<Record<string, ChangedFile['status']>> = {
  A: 'added',
  D: 'removed',
  M: 'modified',
  R: 'renamed',
  C: 'copied',
  T: 'changed',
}

/** What changed between two commits, as git's own diff says (with renames found). */
export async function changedFiles(directory: string, from: string, to: string): Promise<readonly ChangedFile[]> {
  const diff = ['diff', '--no-color', '--no-ext-diff', '--no-textconv', '-M']
  const [raw, patch] = await Promise.all([
    gitText(directory, [...diff, '--raw', '--abbrev=40', '-z', from, to]),
    gitText(directory, [...diff, '-U3', from, to]),
  ])
  const sections = patch === '' ? [] : patch.split(/(?<=\n)(?=diff --git )/)
  return parseRaw(raw).map((entry) => {
    // A type change (file to link) is shown as a deletion and a creation.
    const own = sections.splice(0, entry.status === 'changed' ? 2 : 1).join('')
    const start = own.indexOf('\n@@ ')
    const hunks = start < 0 ? undefined : own.slice(start + 1).replace(/\n$/, '')
    return { ...entry, ...countLines(hunks), ...(hunks === undefined ? {} : { patch: hunks }) }
  })
}

function parseRaw(raw: string) {
  const parts = raw.split('\0')
  const entries: Omit<ChangedFile, 'additions' | 'deletions' | 'patch'>[] = []
  for (let at = 0; at + 1 < parts.length; ) {
    const header = (parts[at++] ?? '').split(' ')
    const letter = (header[4] ?? 'M').slice(0, 1)
    const first = parts[at++] ?? ''
    const moved = letter === 'R' || letter === 'C'
    const path = moved ? (parts[at++] ?? '') : first
    const blobId = (letter === 'D' ? header[2] : header[3]) ?? ''
    const status = STATUS_WORDS[letter] ?? 'modified'
    entries.push({ path, ...(moved ? { previousPath: first } : {}), status, blobId })
  }
  return entries
}

function countLines(hunks: string | undefined): { readonly additions: number; readonly deletions: number } {
  const lines = hunks?.split('\n') ?? []
  return {
    additions: lines.filter((line) => line.startsWith('+')).length,
    deletions: lines.filter((line) => line.startsWith('-')).length,
  }
}

export async function mergeBase(directory: string, first: string, second: string): Promise<string | undefined> {
  const { exitCode, stdout } = await runGit(directory, ['merge-base', first, second], { accept: [1] })
  return exitCode === 0 ? stdout.toString('utf8').trim() : undefined
}

export async function isAncestor(directory: string, ancestor: string, descendant: string): Promise<boolean> {
  const args = ['merge-base', '--is-ancestor', ancestor, descendant]
  return (await runGit(directory, args, { accept: [1] })).exitCode === 0
}

/** Ids of the commits reachable from `to` but not from `from`, oldest first. */
export async function commitIdsBetween(directory: string, from: string, to: string): Promise<readonly string[]> {
  const text = await gitText(directory, ['rev-list', '--reverse', '--topo-order', to, `^${from}`])
  return text === '' ? [] : text.split('\n')
}

export async function readCommit(directory: string, id: string): Promise<RawCommit> {
  const { stdout } = await runGit(directory, ['cat-file', 'commit', id])
  return parseCommit(stdout)
}

/** The tree of merging two commits, or undefined when they conflict. */
export async function mergedTree(directory: string, ours: string, theirs: string): Promise<string | undefined> {
  const args = ['merge-tree', '--write-tree', '--no-messages', ours, theirs]
  const { exitCode, stdout } = await runGit(directory, args, { accept: [1] })
  return exitCode === 0 ? stdout.toString('utf8').trim().split('\n')[0] : undefined
}
