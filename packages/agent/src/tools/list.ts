import { posix } from 'node:path'
import { DevBotError } from '@devbot/contracts'
import { z } from 'zod'
import { type AgentTool, defineTool, type ToolOutcome } from '../agent-tool.ts'
import type { Workspace } from '../ports.ts'
import { quoteForShell } from '../quote-for-shell.ts'
import {
  type ExcludedBy,
  ignoreFilesAbove,
  printIgnoreFiles,
  type Sorted,
  sortByRules,
  takeIgnoreFiles,
} from './ignore-files.ts'
import { createGlob, plainFolders } from './match-glob.ts'
import { count, showBytes } from './show-bytes.ts'
import { workspacePath } from './workspace-path.ts'

const MAX_ENTRIES = 500
const TIMEOUT_MS = 30_000
/** About 50,000 paths; the rest is not looked at, and that is said. */
const MAX_FOUND_BYTES = 4 * 1024 * 1024
/** Names of what a directory has besides. */
const MAX_NAMED = 20

/** Exit codes of the commands below, which find itself does not use. */
const PROBLEMS: ReadonlyMap<number | undefined, string> = new Map([
  [41, 'there is nothing of that name'],
  [42, 'it is no directory'],
  [43, 'this user may not read it'],
])

export function createListTool(excludedBy: ExcludedBy | undefined): AgentTool {
  return defineTool({
    name: 'list',
    description:
      'Lists a directory, or by glob (like **/*.ts) the files below, at most 500, without what .gitignore excludes.',
    input: z.strictObject({ path: workspacePath.default('.'), glob: z.string().min(1).max(500).optional() }),
    readOnly: true,
    detail: (input) => (input.glob === undefined ? input.path : posix.join(input.path, input.glob)),
    async run({ path, glob }, { workspace, signal }): Promise<ToolOutcome> {
      const from = glob === undefined ? path : posix.join(path, plainFolders(glob))
      const found = await findPaths(workspace, from, glob, signal)
      if (found.kind === 'problem') {
        if (found.exitCode === 41 && from !== path) return { kind: 'ok', text: `[no file matches ${glob}]` }
        return { kind: 'error', text: `${from} cannot be listed: ${found.message}.` }
      }
      const wanted = glob === undefined ? found.paths : matching(found.paths, path, glob)
      if (wanted === undefined) return { kind: 'error', text: TOO_COMPLEX }
      const rules = await ruleFiles(workspace, found, excludedBy, signal)
      const sorted = sortByRules(wanted, from, rules, excludedBy)
      return { kind: 'ok', text: listing(sorted, path, glob) + found.note }
    },
  })
}

/**
 * Rule files first, then paths, ended with NUL because a name may hold a line feed; directories with a slash. The slash
 * after the root makes find follow it when it is a link to a directory; other links are not followed.
 */
function findCommand(from: string, glob: string | undefined): string {
  const root = quoteForShell(`./${from}`)
  const checks = `[ -e ${root} ] || exit 41; [ -d ${root} ] || exit 42; [ -r ${root} ] && [ -x ${root} ] || exit 43`
  return `${checks}\n${printIgnoreFiles(ignoreFilesAbove(from))}\nexec 2>/dev/null\n${findIn(root, from, glob)}`
}

function findIn(root: string, from: string, glob: string | undefined): string {
  if (glob === undefined) {
    return `find ${root}/ -mindepth 1 -maxdepth 1 -name .git -prune -o -mindepth 1 -maxdepth 1 -type d -exec printf '%s/\\0' {} + -o -mindepth 1 -maxdepth 1 -print0`
  }
  const shown = `${from}/${glob}`.includes('node_modules')
  const hidden = shown ? '-name .git' : '\\( -name .git -o -name node_modules \\)'
  return `find ${root}/ -mindepth 1 ${hidden} -prune -o ! -type d -print0`
}

type Found = {
  readonly kind: 'found'
  /** Relative to the workspace. */
  readonly paths: readonly string[]
  readonly ruleFiles: ReadonlyMap<string, Uint8Array>
  readonly note: string
}
type Problem = { readonly kind: 'problem'; readonly exitCode?: number | undefined; readonly message: string }

async function findPaths(
  workspace: Workspace,
  from: string,
  glob: string | undefined,
  signal: AbortSignal,
): Promise<Found | Problem> {
  const result = await workspace.exec(findCommand(from, glob), {
    timeoutMs: TIMEOUT_MS,
    maxOutputBytes: MAX_FOUND_BYTES,
    apart: true,
    signal,
  })
  const known = PROBLEMS.get(result.exitCode)
  if (known !== undefined) return { kind: 'problem', exitCode: result.exitCode, message: known }
  const cut = result.totalOutputBytes > result.output.byteLength
  // Of a cut output only the head is one piece.
  const { files, rest } = takeIgnoreFiles(cut ? result.output.subarray(0, MAX_FOUND_BYTES / 2) : result.output)
  const end = rest.lastIndexOf(0)
  const paths = end < 0 ? [] : new TextDecoder().decode(rest.subarray(0, end)).split('\0').map(plainPath)
  if (result.exitCode === undefined && paths.length === 0)
    return { kind: 'problem', message: 'it took too long; narrow path' }
  // find says 1 for what it could not read.
  if ((result.exitCode ?? 0) > 1 && paths.length === 0)
    return { kind: 'problem', message: `its find ended with exit code ${result.exitCode}` }
  const complete = !cut && result.exitCode === 0
  const note = complete ? '' : '\n[not complete: there is more than was looked at, or some could not be read]'
  return { kind: 'found', paths, ruleFiles: files, note }
}

/** The rule files above what was found, and those among it. */
async function ruleFiles(workspace: Workspace, found: Found, excludedBy: ExcludedBy | undefined, signal: AbortSignal) {
  const more = found.paths.filter((path) => /(^|\/)\.gitignore$/.test(path) && !found.ruleFiles.has(path))
  if (excludedBy === undefined || more.length === 0) return found.ruleFiles
  const options = { timeoutMs: TIMEOUT_MS, maxOutputBytes: MAX_FOUND_BYTES, apart: true, signal }
  const result = await workspace.exec(printIgnoreFiles(more), options)
  return new Map([...found.ruleFiles, ...takeIgnoreFiles(result.output).files])
}

/** `././src//a.ts` is `src/a.ts`. */
function plainPath(path: string): string {
  return path.replace(/^(?:\.\/+)+/, '').replace(/\/{2,}/g, '/')
}

function below(path: string, root: string): string {
  return root !== '.' && path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path
}

const TOO_COMPLEX = 'The glob takes too long on so many paths; give a simpler one, or narrow path.'

/** Undefined: it would take too long. */
function matching(paths: readonly string[], root: string, glob: string): readonly string[] | undefined {
  const matches = createGlob(glob)
  try {
    return paths.filter((path) => matches(below(path, root)))
  } catch (error) {
    if (error instanceof DevBotError && error.code === 'glob-too-complex') return undefined
    throw error
  }
}

function listing({ kept, excluded, gaveUp }: Sorted, root: string, glob: string | undefined): string {
  const nothing = glob === undefined ? 'the directory is empty' : `no file matches ${glob}`
  const entries = kept.map((path) => below(path, root)).sort(byCodeUnits)
  const lines = entries.slice(0, MAX_ENTRIES).map(oneEntry)
  if (entries.length > MAX_ENTRIES) lines.push(`[${count(entries.length - MAX_ENTRIES)} more; narrow path or glob]`)
  if (entries.length === 0 && excluded.length === 0) lines.push(`[${nothing}]`)
  if (excluded.length > 0) lines.push(excludedNote(excluded.map((path) => below(path, root)).sort(byCodeUnits), glob))
  if (gaveUp) lines.push('[.gitignore was not followed: its patterns take too long]')
  return lines.join('\n')
}

function excludedNote(paths: readonly string[], glob: string | undefined): string {
  if (glob !== undefined) return `[${count(paths.length)} more that match are excluded by .gitignore]`
  const more = paths.length > MAX_NAMED ? ` and ${count(paths.length - MAX_NAMED)} more` : ''
  return `[excluded by .gitignore: ${paths.slice(0, MAX_NAMED).map(oneEntry).join(', ')}${more}]`
}

/** A name with a line feed must not look like two. One that is no UTF-8 cannot be given to a tool. */
function oneEntry(path: string): string {
  if (/[\n\r]/.test(path)) return JSON.stringify(path)
  const note = path.includes('\ufffd') ? ' [the name is not UTF-8: use the shell, with a pattern]' : ''
  return `${showBytes(new TextEncoder().encode(path))}${note}`
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
