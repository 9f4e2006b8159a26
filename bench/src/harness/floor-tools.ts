import type Anthropic from '@anthropic-ai/sdk'
import type { Execute } from './floor-executors.ts'

const text = { type: 'string' } as const
const texts = { type: 'array', items: text } as const

function tool(
  name: string,
  description: string,
  properties: Readonly<Record<string, object>>,
  required = Object.keys(properties),
): Anthropic.Tool {
  return { name, description, input_schema: { type: 'object', properties, required } }
}

/** The tools that the trajectory calls, described as shortly as makes sense. */
export const FLOOR_TOOLS: Anthropic.Tool[] = [
  tool('shell', 'Runs a shell command in the repository.', { command: text }),
  tool('read', 'Reads a file.', { path: text }),
  tool('write', 'Writes a file.', { path: text, content: text }),
  tool('edit', 'Replaces old_text, which must occur exactly once, by new_text.', {
    path: text,
    old_text: text,
    new_text: text,
  }),
  tool('search', 'Finds lines that match a regular expression.', { pattern: text, path: text }),
  tool(
    'finish',
    'Says that the work is done.',
    { title: text, summary: text, key_changes: texts, testing_notes: text },
    ['title', 'summary'],
  ),
]

/** Runs one call; what it says is the tool result. */
export async function runFloorTool(name: string, input: unknown, execute: Execute): Promise<string> {
  const value = (key: string) => String((input as Readonly<Record<string, unknown>>)[key] ?? '')
  switch (name) {
    case 'shell': {
      const { output, exitCode } = await execute(value('command'))
      return `${output}[exit code ${exitCode}]`
    }
    case 'read':
      return (await execute(`cat ${quote(value('path'))}`)).output
    case 'search':
      return (await execute(`grep -rnE --exclude-dir=.git -e ${quote(value('pattern'))} ${quote(value('path'))}`))
        .output
    case 'write':
      return write(value('path'), value('content'), execute)
    case 'edit': {
      const { output } = await execute(`cat ${quote(value('path'))}`)
      const parts = output.split(value('old_text'))
      if (parts.length !== 2) return `old_text occurs ${parts.length - 1} times`
      return write(value('path'), parts.join(value('new_text')), execute)
    }
    default:
      return `there is no tool ${name}`
  }
}

async function write(path: string, content: string, execute: Execute): Promise<string> {
  const { output, exitCode } = await execute(`printf %s ${quote(content)} >${quote(path)}`)
  return exitCode === 0 ? 'written' : output
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}
