import type { ExecResult } from '@devbot/contracts'
import { z } from 'zod'
import { defineTool, type ToolOutcome } from '../agent-tool.ts'
import { quoteForShell } from '../quote-for-shell.ts'
import { count, showText } from './show-bytes.ts'
import { workspacePath } from './workspace-path.ts'

const MAX_MATCHES = 200
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

export const searchTool = defineTool({
  name: 'search',
  description:
    'Finds lines that match an extended regular expression, as path:line:text. At most 200 matches or 24 KB. Leaves out .git and node_modules.',
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
      .optional()
      .describe('file names, like *.ts'),
    ignore_case: z.boolean().default(false),
  }),
  readOnly: true,
  detail: (input) => `${input.pattern} in ${input.path}`,
  async run(input, { workspace, signal }) {
    const result = await workspace.exec(searchCommand(input), {
      timeoutMs: TIMEOUT_MS,
      maxOutputBytes: MAX_OUTPUT_BYTES,
      signal,
    })
    return searchOutcome(result)
  },
})

/**
 * One command for both worlds: ripgrep where it is, else find and grep with the options that busybox has too. Output
 * ends after one line more than is shown, so that a flood is neither made nor carried.
 */
function searchCommand(input: SearchInput): string {
  const search = `if command -v rg >/dev/null 2>&1; then ${ripgrep(input)}; else ${grep(input)}; fi`
  return `{ ${search}; } 2>&1 | head -n ${MAX_MATCHES + 1}`
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
  return `find ${quoteForShell(`./${path}`)} \\( -name .git -o -name node_modules \\) -prune -o -type f${name} -exec grep ${options} -e ${quoteForShell(pattern)} -- {} +`
}

/** find's -path lets a star cross slashes, which is what two stars mean. */
function nameTest(glob: string): string {
  if (!glob.includes('/')) return `-name ${quoteForShell(glob)}`
  return `-path ${quoteForShell(`*/${glob.replace(/^\.?\//, '').replaceAll('**/', '*')}`)}`
}

function searchOutcome(result: ExecResult): ToolOutcome {
  if (result.timedOut || result.aborted) {
    return { kind: 'error', text: `The search did not finish in ${TIMEOUT_MS / 1000} s; narrow path or glob.` }
  }
  const { lines, cut } = linesOf(result)
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

function shortLine(line: string): string {
  const text = line.replace(/^\.\/+(?:\.\/+)*/, '')
  if (text.length <= MAX_LINE_CHARACTERS) return text
  return `${text.slice(0, MAX_LINE_CHARACTERS).toWellFormed()} [${count(text.length - MAX_LINE_CHARACTERS)} more characters]`
}
