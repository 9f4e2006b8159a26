import { posix } from 'node:path'
import type { ExecResult } from '@devbot/contracts'
import { z } from 'zod'
import { type AgentTool, defineTool, type ToolOutcome } from '../agent-tool.ts'
import type { Workspace } from '../ports.ts'
import { quoteForShell } from '../quote-for-shell.ts'
import { type ExcludedBy, ignoreFilesAbove, printIgnoreFiles, sortByRules, takeIgnoreFiles } from './ignore-files.ts'
import { count, showText } from './show-bytes.ts'
import { workspacePath } from './workspace-path.ts'

const MAX_MATCHES = 200
/** Without ripgrep, what .gitignore excludes is taken out of so many. */
const MAX_RAW_MATCHES = 2_000
const MAX_LINE_CHARACTERS = 300
const TIMEOUT_MS = 60_000
/** What is shown, about 6,000 tokens. */
const MAX_SHOWN_CHARACTERS = 24 * 1024
/** What may come for it: lines of minified files are long, and are cut only here. */
const MAX_OUTPUT_BYTES = 2 * 1024 * 1024

type SearchInput = {
  readonly pattern: string
  readonly path: string
  readonly glob?: string | undefined
  readonly ignore_case: boolean
}

export function createSearchTool(excludedBy: ExcludedBy | undefined): AgentTool {
  return defineTool({
    name: 'search',
    description:
      'Finds lines by an extended regular expression, at most 200 or 24 KB, in files named like glob (*.ts). Leaves out what list does, unless path is there.',
    input: z.strictObject({
      pattern: z
        .string()
        .min(1)
        .max(1_000)
        .refine((text) => !/[\0\n]/.test(text), 'expected one line'),
      path: workspacePath.default('.'),
      glob: z
        .string()
        .min(1)
        .max(500)
        .refine((text) => !/[\0\n]/.test(text), 'expected one line')
        .optional(),
      ignore_case: z.boolean().default(false),
    }),
    readOnly: true,
    detail: (input) => `${input.pattern} in ${input.path}`,
    async run(input, { workspace, signal }): Promise<ToolOutcome> {
      const result = await workspace.exec(searchCommand(input), {
        timeoutMs: TIMEOUT_MS,
        maxOutputBytes: MAX_OUTPUT_BYTES,
        apart: true,
        signal,
      })
      if (result.exitCode === NOTHING_THERE)
        return { kind: 'error', text: `There is nothing of the name ${input.path}.` }
      if (result.timedOut || result.aborted) {
        return { kind: 'error', text: `The search did not finish in ${TIMEOUT_MS / 1000} s; narrow path or glob.` }
      }
      const { lines, cut } = linesOf(result)
      if (lines[0] !== BY_GREP) return searchOutcome(lines, cut)
      // find goes through a folder in no order that means something.
      const inOrder = lines.slice(1).sort((a, b) => (pathOf(a) < pathOf(b) ? -1 : pathOf(a) > pathOf(b) ? 1 : 0))
      const kept = await withoutExcluded(inOrder, { workspace, signal, path: input.path, excludedBy })
      return searchOutcome(kept, cut || lines.length > MAX_RAW_MATCHES)
    },
  })
}

const NOTHING_THERE = 41
/** The first line where ripgrep is missing, and with it whoever follows .gitignore. No match looks like it. */
const BY_GREP = '[grep]'

/**
 * One command for both worlds: ripgrep where it is, else find and grep with the options that busybox has too. Output
 * ends after one line more than is shown, so that a flood is neither made nor carried.
 */
function searchCommand(input: SearchInput): string {
  const check = `[ -e ${quoteForShell(`./${input.path}`)} ] || exit ${NOTHING_THERE}`
  const byRipgrep = `{ ${ripgrep(input)}; } 2>&1 | head -n ${MAX_MATCHES + 1}`
  const byGrep = `{ echo '${BY_GREP}'; ${grep(input)}; } 2>&1 | head -n ${MAX_RAW_MATCHES + 1}`
  return `${check}\nif command -v rg >/dev/null 2>&1; then ${byRipgrep}; else ${byGrep}; fi`
}

async function withoutExcluded(
  lines: readonly string[],
  where: {
    readonly workspace: Workspace
    readonly signal: AbortSignal
    readonly path: string
    readonly excludedBy: ExcludedBy | undefined
  },
): Promise<readonly string[]> {
  const { workspace, signal, path, excludedBy } = where
  if (excludedBy === undefined || lines.length === 0) return lines
  const folders = new Set(lines.map((line) => posix.dirname(pathOf(line))))
  const names = new Set([path, ...folders].flatMap(ignoreFilesAbove))
  const options = { timeoutMs: TIMEOUT_MS, maxOutputBytes: MAX_OUTPUT_BYTES, apart: true, signal }
  const { files } = takeIgnoreFiles((await workspace.exec(printIgnoreFiles([...names]), options)).output)
  const { excluded } = sortByRules([...new Set(lines.map(pathOf))], path, files, excludedBy)
  const out = new Set(excluded)
  return lines.filter((line) => !out.has(pathOf(line)))
}

function ripgrep({ pattern, path, glob, ignore_case }: SearchInput): string {
  const options = [
    '--no-config',
    '--line-number',
    '--with-filename',
    '--no-heading',
    '--color',
    'never',
    '--hidden',
    '--no-require-git',
    '--sort',
    'path',
  ]
  if (ignore_case) options.push('--ignore-case')
  const globs = [...(glob === undefined ? [] : [glob]), '!.git', '!node_modules'].map(
    (text) => `--glob ${quoteForShell(text)}`,
  )
  return `rg ${options.join(' ')} ${globs.join(' ')} -e ${quoteForShell(pattern)} -- ${quoteForShell(`./${path}`)}`
}

function grep({ pattern, path, glob, ignore_case }: SearchInput): string {
  const name = glob === undefined ? '' : ` ${nameTest(glob)}`
  const options = `-n -I -H -E${ignore_case ? ' -i' : ''}`
  // As a folder's own dot the root has no name, so that one called node_modules can be searched.
  const root = quoteForShell(`./${path}`)
  return `p=${root}; [ -d "$p" ] && p=$p/.; find "$p" \\( -name .git -o -name node_modules \\) -prune -o -type f${name} -exec grep ${options} -e ${quoteForShell(pattern)} -- {} +`
}

/** find's -path lets a star cross slashes, which is what two stars mean. */
function nameTest(glob: string): string {
  if (!glob.includes('/')) return `-name ${quoteForShell(glob)}`
  return `-path ${quoteForShell(`*/${glob.replace(/^\.?\//, '').replaceAll('**/', '*')}`)}`
}

function searchOutcome(lines: readonly string[], cut: boolean): ToolOutcome {
  if (lines.length === 0 && !cut) return { kind: 'ok', text: '[no match]' }
  const shown: string[] = []
  let characters = 0
  for (const line of lines.slice(0, MAX_MATCHES).map(shortLine)) {
    if (shown.length > 0 && characters + line.length > MAX_SHOWN_CHARACTERS) break
    shown.push(line)
    characters += line.length + 1
  }
  if (cut || shown.length < lines.length) shown.push('[there are more matches; narrow pattern, path or glob]')
  return { kind: 'ok', text: shown.join('\n') }
}

/** Of a cut output only the whole lines of its head. A line with a NUL is of a binary file, which busybox does not skip. */
function linesOf({ output, totalOutputBytes }: ExecResult): {
  readonly lines: readonly string[]
  readonly cut: boolean
} {
  const cut = totalOutputBytes > output.byteLength
  const lines = new TextDecoder()
    .decode(cut ? output.subarray(0, Math.floor(MAX_OUTPUT_BYTES / 2)) : output)
    .split('\n')
  if (cut) lines.pop()
  return { lines: lines.filter((line) => line !== '' && !line.includes('\0')).map(showText), cut }
}

/** The path of a match; of another line (a complaint of grep's) the whole. */
function pathOf(line: string): string {
  return withoutDots(line).replace(/:\d+:.*$/s, '')
}

/** `././src//./a.ts` is `src/a.ts`. */
function withoutDots(line: string): string {
  return line.replace(/^\.\/+(?:\.\/+)*/, '').replace(/^([^:]*?)\/(?:\.?\/)+/, '$1/')
}

function shortLine(line: string): string {
  const text = withoutDots(line)
  if (text.length <= MAX_LINE_CHARACTERS) return text
  return `${text.slice(0, MAX_LINE_CHARACTERS).toWellFormed()} [${count(text.length - MAX_LINE_CHARACTERS)} more characters]`
}
