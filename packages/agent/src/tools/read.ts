import { z } from 'zod'
import { defineTool, type ToolOutcome } from '../agent-tool.ts'
import { count, showText } from './show-bytes.ts'
import { readTextFile } from './text-file.ts'
import { workspacePath } from './workspace-path.ts'

const MAX_FILE_BYTES = 4 * 1024 * 1024
const MAX_LINES = 2_000
const MAX_SHOWN_CHARACTERS = 48 * 1024
const MAX_LINE_CHARACTERS = 2_000

export const readTool = defineTool({
  name: 'read',
  description: 'Shows a text file with line numbers, at most 2,000 lines or 48 KB at once.',
  input: z.strictObject({
    path: workspacePath,
    from_line: z.int().min(1).default(1),
    line_count: z.int().min(1).max(MAX_LINES).default(MAX_LINES),
  }),
  readOnly: true,
  detail: (input) => (input.from_line === 1 ? input.path : `${input.path}:${input.from_line}`),
  async run(input, { workspace }): Promise<ToolOutcome> {
    const file = await readTextFile(workspace, input.path, MAX_FILE_BYTES)
    if (file.kind === 'problem') return { kind: 'error', text: file.message }
    if (file.text === '') return { kind: 'ok', text: '[the file is empty]' }
    const lines = splitLines(file.text)
    if (input.from_line > lines.length) {
      return {
        kind: 'error',
        text: `${input.path} has only ${count(lines.length)} lines${file.partial ? ' within reach of this tool' : ''}.`,
      }
    }
    const shown = numberedLines(lines, input.from_line, input.line_count)
    const notes = notesFor({ file, lines, lastShown: shown.lastLine })
    return { kind: 'ok', text: [shown.text, ...notes].join('\n') }
  },
})

function splitLines(text: string): readonly string[] {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}

function numberedLines(lines: readonly string[], from: number, lineCount: number) {
  const shown: string[] = []
  let characters = 0
  let lastLine = from - 1
  for (const line of lines.slice(from - 1, from - 1 + lineCount)) {
    const text = `${String(lastLine + 1).padStart(5)}\t${cutLine(line.replace(/\r$/, ''))}`
    if (shown.length > 0 && characters + text.length > MAX_SHOWN_CHARACTERS) break
    shown.push(text)
    characters += text.length + 1
    lastLine += 1
  }
  return { text: shown.join('\n'), lastLine }
}

function cutLine(line: string): string {
  const text = showText(line)
  if (text.length <= MAX_LINE_CHARACTERS) return text
  return `${text.slice(0, MAX_LINE_CHARACTERS).toWellFormed()} [${count(text.length - MAX_LINE_CHARACTERS)} more characters in this line]`
}

/** What the numbered lines do not show, but an edit needs to know. */
function notesFor(input: {
  readonly file: {
    readonly text: string
    readonly totalBytes: number
    readonly partial: boolean
    readonly exact: boolean
  }
  readonly lines: readonly string[]
  readonly lastShown: number
}): readonly string[] {
  const { file, lines, lastShown } = input
  const notes: string[] = []
  if (lastShown < lines.length) {
    notes.push(
      `[lines to ${count(lastShown)} of ${count(lines.length)}${file.partial ? ' or more' : ''}; go on with from_line ${lastShown + 1}]`,
    )
  } else if (file.partial) {
    notes.push(`[the file goes on: ${count(file.totalBytes)} bytes in all; use the shell for the rest]`)
  } else if (!file.text.endsWith('\n')) {
    notes.push('[no newline at the end of the file]')
  }
  if (file.text.includes('\r\n')) notes.push('[lines end with CRLF; edit keeps that]')
  if (!file.exact)
    notes.push('[not UTF-8: unreadable bytes are shown as \uFFFD; change it with the shell, not with edit]')
  return notes
}
