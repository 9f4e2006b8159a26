import { z } from 'zod'
import { defineTool, type ToolOutcome } from '../agent-tool.ts'
import { type Replacement, replaceExactly } from './replace-exactly.ts'
import { showText } from './show-bytes.ts'
import { readTextFile } from './text-file.ts'
import { workspacePath } from './workspace-path.ts'

const MAX_FILE_BYTES = 4 * 1024 * 1024
const MAX_TEXT_CHARACTERS = 1024 * 1024

export const editTool = defineTool({
  name: 'edit',
  description: 'Replaces old_text, which must match exactly and occur exactly count times (default 1).',
  input: z.strictObject({
    path: workspacePath,
    old_text: z.string().min(1).max(MAX_TEXT_CHARACTERS),
    new_text: z.string().max(MAX_TEXT_CHARACTERS),
    count: z.int().min(1).max(10_000).default(1),
  }),
  readOnly: false,
  repeatable: true,
  detail: (input) => input.path,
  changes: (input) => [input.path],
  async run(input, { workspace }): Promise<ToolOutcome> {
    if (input.old_text === input.new_text) return failed('Nothing to do: old_text and new_text are the same.')
    if (!input.new_text.isWellFormed())
      return failed('Not changed: new_text has half a surrogate pair, which UTF-8 cannot express.')
    const file = await readTextFile(workspace, input.path, MAX_FILE_BYTES)
    if (file.kind === 'problem') return failed(file.message)
    if (file.partial)
      return failed(`${input.path} has ${file.totalBytes} bytes, more than this tool edits. Use the shell.`)
    if (!file.exact) return failed(`${input.path} is not UTF-8; editing would damage it. Use the shell.`)

    const result = replaceExactly(file.text, input.old_text, input.new_text, input.count)
    if (result.kind !== 'replaced') return failed(reasonFor(result, input.path, input.count))
    const written = await workspace.writeFile(input.path, new TextEncoder().encode(result.text))
    if (written.kind === 'failed') return failed(`${input.path} was not written: ${written.reason}`)
    const times =
      input.count === 1 ? `at line ${result.firstLine}` : `${input.count} times, first at line ${result.firstLine}`
    return { kind: 'ok', text: `Changed ${input.path} ${times}.` }
  },
})

function reasonFor(result: Exclude<Replacement, { kind: 'replaced' }>, path: string, expected: number): string {
  if (result.kind === 'wrong-count') {
    return `Not changed: old_text occurs ${result.found} times in ${path} (lines ${result.lines.join(', ')}), expected ${expected}. Make old_text longer, or set count.`
  }
  const hint = result.hint === undefined ? '' : ` The most similar part is:\n${showText(result.hint).slice(0, 4_000)}`
  return `Not changed: old_text does not occur in ${path}.${hint}`
}

function failed(text: string): ToolOutcome {
  return { kind: 'error', text }
}
