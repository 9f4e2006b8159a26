import { z } from 'zod'
import { defineTool, type ToolOutcome } from '../agent-tool.ts'
import { count } from './show-bytes.ts'
import { workspacePath } from './workspace-path.ts'

/** Far above what one reply can carry; a bound all the same. */
const MAX_CONTENT_CHARACTERS = 2 * 1024 * 1024

export const writeTool = defineTool({
  name: 'write',
  description: 'Creates or replaces a file; makes missing directories.',
  input: z.strictObject({ path: workspacePath, content: z.string().max(MAX_CONTENT_CHARACTERS) }),
  readOnly: false,
  repeatable: true,
  detail: (input) => input.path,
  changes: (input) => [input.path],
  async run(input, { workspace }): Promise<ToolOutcome> {
    // A lone surrogate has no UTF-8 form; the encoder would put U+FFFD there without a word.
    if (!input.content.isWellFormed()) {
      return { kind: 'error', text: 'Not written: the content has half a surrogate pair, which UTF-8 cannot express.' }
    }
    const bytes = new TextEncoder().encode(input.content)
    const result = await workspace.writeFile(input.path, bytes)
    if (result.kind === 'failed') return { kind: 'error', text: `${input.path} was not written: ${result.reason}` }
    return { kind: 'ok', text: `Wrote ${count(bytes.byteLength)} bytes to ${input.path}.` }
  },
})
