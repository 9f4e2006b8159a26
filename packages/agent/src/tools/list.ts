import { posix } from 'node:path'
import { z } from 'zod'
import { defineTool, type ToolOutcome } from '../agent-tool.ts'
import type { Workspace } from '../ports.ts'
import { quoteForShell } from '../quote-for-shell.ts'
import { count, showBytes } from './show-bytes.ts'
import { workspacePath } from './workspace-path.ts'

const MAX_ENTRIES = 500
const TIMEOUT_MS = 30_000
/** About 50,000 paths; the rest is not looked at, and that is said. */
const MAX_FOUND_BYTES = 4 * 1024 * 1024

export const listTool = defineTool({
  name: 'list',
  description:
    'Lists a directory, or with glob (like **/*.ts, relative to path) the files below it. Hides .git and, below the top, node_modules. At most 500 entries.',
  input: z.strictObject({ path: workspacePath.default('.'), glob: z.string().min(1).max(500).optional() }),
  readOnly: true,
  detail: (input) => (input.glob === undefined ? input.path : posix.join(input.path, input.glob)),
  async run(input, { workspace, signal }): Promise<ToolOutcome> {
    const found = await findPaths(workspace, findCommand(input.path, input.glob), signal)
    if (found.kind === 'error') return found
    const { glob } = input
    const below = found.paths.map((path) => pathBelow(path, input.path))
    const entries = (glob === undefined ? below : below.filter((path) => matchesGlob(path, glob))).sort(byCodeUnits)
    if (entries.length === 0) {
      const nothing = glob === undefined ? 'the directory is empty' : `no file matches ${glob}`
      return { kind: 'ok', text: `[${nothing}]${found.note}` }
    }
    const more =
      entries.length > MAX_ENTRIES ? `\n[${count(entries.length - MAX_ENTRIES)} more; narrow path or glob]` : ''
    return { kind: 'ok', text: `${entries.slice(0, MAX_ENTRIES).map(oneEntry).join('\n')}${more}${found.note}` }
  },
})

/** Paths end with NUL, because a name may hold a line feed; directories end with a slash. */
function findCommand(path: string, glob: string | undefined): string {
  const root = quoteForShell(`./${path}`)
  if (glob === undefined) {
    // The slash after the root makes find follow it when it is a link to a directory.
    return `find ${root}/ -mindepth 1 -maxdepth 1 -name .git -prune -o -mindepth 1 -maxdepth 1 -type d -exec printf '%s/\\0' {} + -o -mindepth 1 -maxdepth 1 -print0`
  }
  const hidden = glob.includes('node_modules') ? '-name .git' : '\\( -name .git -o -name node_modules \\)'
  return `find ${root}/ -mindepth 1 ${hidden} -prune -o ! -type d -print0`
}

type Found = { readonly kind: 'found'; readonly paths: readonly string[]; readonly note: string }

async function findPaths(
  workspace: Workspace,
  command: string,
  signal: AbortSignal,
): Promise<Found | (ToolOutcome & { kind: 'error' })> {
  const result = await workspace.exec(command, { timeoutMs: TIMEOUT_MS, maxOutputBytes: MAX_FOUND_BYTES, signal })
  const cut = result.totalOutputBytes > result.output.byteLength
  // Of a cut output only the head is one piece.
  const bytes = cut ? result.output.subarray(0, Math.floor(MAX_FOUND_BYTES / 2)) : result.output
  const text = new TextDecoder().decode(bytes)
  const end = text.lastIndexOf('\0')
  const paths = end < 0 ? [] : text.slice(0, end).split('\0')
  if (result.exitCode !== 0 && paths.length === 0) {
    const said = showBytes(bytes).trim().slice(0, 1_000)
    return { kind: 'error', text: said === '' ? 'The listing did not finish in time; narrow path.' : said }
  }
  const note =
    cut || result.exitCode !== 0
      ? '\n[not complete: there are more files than were looked at, or some could not be read]'
      : ''
  return { kind: 'found', paths, note }
}

/** `././src//a.ts` below `src` is `a.ts`. */
function pathBelow(path: string, root: string): string {
  const full = path.replace(/^(?:\.\/+)+/, '').replace(/\/{2,}/g, '/')
  const prefix = root === '.' ? '' : `${root}/`
  return full.startsWith(prefix) ? full.slice(prefix.length) : full
}

/** A pattern without a slash looks at names everywhere, as in .gitignore. */
function matchesGlob(path: string, glob: string): boolean {
  const pattern = glob.replace(/^\.\//, '')
  return posix.matchesGlob(path, pattern.includes('/') ? pattern : `**/${pattern}`)
}

/** A name with a line feed must not look like two. */
function oneEntry(path: string): string {
  return /[\n\r]/.test(path) ? JSON.stringify(path) : showBytes(new TextEncoder().encode(path))
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
