import { z } from 'zod'
import { defineTool, type ToolOutcome } from '../agent-tool.ts'
import type { Workspace } from '../ports.ts'
import { findLine, lastLines } from './huge-file.ts'
import { count, showText } from './show-bytes.ts'
import { type FileText, readTextFile } from './text-file.ts'
import { readablePath } from './workspace-path.ts'

/** Read at once; a longer file is a huge one. */
const MAX_FILE_BYTES = 4 * 1024 * 1024
const MAX_LINES = 2_000
const MAX_SHOWN_CHARACTERS = 48 * 1024
const MAX_LINE_CHARACTERS = 2_000

type TextOf = Extract<FileText, { kind: 'text' }>
type Range = { readonly path: string; readonly from_line: number; readonly line_count: number }

export const readTool = defineTool({
  name: 'read',
  description:
    'Shows a text file with line numbers, at most 48 KB; over 4 MB head and tail. A negative from_line counts from the end.',
  input: z.strictObject({
    path: readablePath,
    from_line: z.int().default(1),
    line_count: z.int().min(1).max(MAX_LINES).default(MAX_LINES),
  }),
  readOnly: true,
  detail: (input) => (input.from_line === 1 ? input.path : `${input.path}:${input.from_line}`),
  async run(input, { workspace }): Promise<ToolOutcome> {
    const file = await readTextFile(workspace, input.path, MAX_FILE_BYTES)
    if (file.kind === 'problem') return failed(file.message)
    if (file.partial) return await readHuge(workspace, file, input)
    if (file.text === '') return { kind: 'ok', text: '[the file is empty]' }
    const lines = splitLines(file.text)
    const from = input.from_line < 0 ? Math.max(1, lines.length + 1 + input.from_line) : Math.max(1, input.from_line)
    if (from > lines.length) return failed(`${input.path} has only ${count(lines.length)} lines.`)
    const shown = numberedLines(lines.slice(from - 1, from - 1 + input.line_count), from, MAX_SHOWN_CHARACTERS)
    return answer(shown.text, [
      ...(shown.next <= lines.length
        ? [`[lines to ${count(shown.next - 1)} of ${count(lines.length)}; go on with from_line ${shown.next}]`]
        : endNote(file)),
      ...notesFor(file),
    ])
  },
})

/** Only pieces of it are ever held: its head and tail, or the lines asked for. */
async function readHuge(workspace: Workspace, head: TextOf, input: Range): Promise<ToolOutcome> {
  if (input.from_line < 0) {
    const tail = await tailOf(workspace, head, { ...input, maxCharacters: MAX_SHOWN_CHARACTERS })
    return answer(tail, notesFor(head))
  }
  if (input.from_line > 1 || input.line_count < MAX_LINES) return await readMiddle(workspace, head, input)
  const half = { maxCharacters: MAX_SHOWN_CHARACTERS / 2, line_count: MAX_LINES / 2 }
  const lines = splitLines(head.text).slice(0, half.line_count)
  const shown = numberedLines(lines, 1, half.maxCharacters)
  const tail = await tailOf(workspace, head, { path: input.path, from_line: -half.line_count, ...half })
  const size = `${count(head.totalBytes)} bytes in all`
  const middle = `[the middle is left out, ${size}; go on with from_line ${shown.next}, search, or sed -n in the shell]`
  return answer(`${shown.text}\n${middle}\n${tail}`, notesFor(head))
}

async function readMiddle(workspace: Workspace, head: TextOf, { path, from_line, line_count }: Range) {
  const found = await findLine(workspace, path, Math.max(1, from_line))
  if (found.kind === 'beyond') return failed(`${path} has only ${count(found.lines)} lines${found.reach}.`)
  const piece = await readTextFile(workspace, path, MAX_FILE_BYTES, found.fromByte)
  if (piece.kind === 'problem') return failed(piece.message)
  const lines = splitLines(piece.text)
  const shown = numberedLines(lines.slice(0, line_count), found.line, MAX_SHOWN_CHARACTERS)
  const goesOn = piece.partial || shown.next < found.line + lines.length
  return answer(shown.text, [
    ...(goesOn ? [`[lines to ${count(shown.next - 1)}; go on with from_line ${shown.next}]`] : endNote(piece)),
    ...notesFor({ ...piece, exact: piece.exact && head.exact }),
  ])
}

/** The last lines, numbered from the end as `from_line` takes them. */
async function tailOf(
  workspace: Workspace,
  head: TextOf,
  range: Range & { readonly maxCharacters: number },
): Promise<string> {
  const last = await lastLines(workspace, range.path, head.totalBytes)
  const lines = splitLines(last)
  const from = Math.max(0, lines.length + range.from_line)
  const wanted = lines.slice(from, from + range.line_count)
  return numberedFromEnd(wanted, from - lines.length, range.maxCharacters)
}

function splitLines(text: string): readonly string[] {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}

/** As many of the lines as fit, at least one; `next` is the number of the first one left out. */
function numberedLines(lines: readonly string[], from: number, maxCharacters: number) {
  const shown: string[] = []
  let characters = 0
  for (const line of lines) {
    const text = numbered(from + shown.length, line)
    if (shown.length > 0 && characters + text.length > maxCharacters) break
    shown.push(text)
    characters += text.length + 1
  }
  return { text: shown.join('\n'), next: from + shown.length }
}

/** The same, but what does not fit is left out at the beginning. */
function numberedFromEnd(lines: readonly string[], from: number, maxCharacters: number): string {
  const shown: string[] = []
  let characters = 0
  for (const [index, line] of [...lines.entries()].toReversed()) {
    const text = numbered(from + index, line)
    if (shown.length > 0 && characters + text.length > maxCharacters) break
    shown.push(text)
    characters += text.length + 1
  }
  return shown.toReversed().join('\n')
}

function numbered(number: number, line: string): string {
  const text = showText(line.replace(/\r$/, ''))
  const cut = `${text.slice(0, MAX_LINE_CHARACTERS).toWellFormed()} [${count(text.length - MAX_LINE_CHARACTERS)} more characters in this line]`
  return `${number}\t${text.length <= MAX_LINE_CHARACTERS ? text : cut}`
}

function endNote({ text }: TextOf): readonly string[] {
  return text.endsWith('\n') ? [] : ['[no newline at the end of the file]']
}

/** What the numbered lines do not show, but an edit needs to know. */
function notesFor({ text, exact }: TextOf): readonly string[] {
  const notes: string[] = []
  if (text.includes('\r\n')) notes.push('[lines end with CRLF; edit keeps that]')
  if (!exact) notes.push('[not UTF-8: unreadable bytes are shown as \uFFFD; change it with the shell, not with edit]')
  return notes
}

function answer(text: string, notes: readonly string[]): ToolOutcome {
  return { kind: 'ok', text: [text, ...notes].join('\n') }
}

function failed(text: string): ToolOutcome {
  return { kind: 'error', text }
}
