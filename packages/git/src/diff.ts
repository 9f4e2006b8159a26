import type { FileChange, ObjectId } from '@devbot/contracts'
import { parseDiffSummary } from './parse-diff-summary.ts'
import type { Git } from './spawn-git.ts'

/** Renames as `git diff --name-status -M` finds them; external programs and text conversion stay out. */
const DIFF_OPTIONS = ['-r', '-M', '--no-ext-diff', '--no-textconv', '--no-color', '--full-index']

/** What git's name-status and numstat say between two commits. */
export async function diffSummary(git: Git, fromId: ObjectId, toId: ObjectId): Promise<readonly FileChange[]> {
  const { stdout } = await git.run(['diff-tree', ...DIFF_OPTIONS, '-z', '--raw', '--numstat', fromId, toId])
  return parseDiffSummary(stdout.toString('utf8'))
}

/** The unified diff, cut at a whole character. */
export async function diffText(git: Git, fromId: ObjectId, toId: ObjectId, maxBytes: number): Promise<string> {
  const { stdout } = await git.run(['diff-tree', ...DIFF_OPTIONS, '-p', fromId, toId], {
    maxOutputBytes: maxBytes,
    onOverflow: 'cut',
  })
  return new TextDecoder().decode(stdout, { stream: true })
}
