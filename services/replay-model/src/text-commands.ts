import { type MessagesRequest, textOf } from './request.ts'
import type { Turn } from './trajectory.ts'

type Call = Turn['calls'][number]

/** What the system prompt of DevBot's line protocol says; a request without tools that says it is played in it. */
const PROTOCOL_LINE = /^WRITE_FILE <path>$/m

/** Whether a request is for a model without tool use that was told to reply with line commands. */
export function speaksText(request: Pick<MessagesRequest, 'tools' | 'system'>): boolean {
  return (request.tools ?? []).length === 0 && PROTOCOL_LINE.test(textOf(request.system ?? ''))
}

/** Why these calls have no form as line commands; undefined when they have. */
export function textProblem(calls: readonly Call[]): string | undefined {
  const [call, ...others] = calls
  if (call === undefined) return undefined
  if (others.length > 0) return `a reply is one command, and this turn has ${calls.length} calls`
  const known = INPUTS[call.tool]
  if (known === undefined) return `there is no command for the tool "${call.tool}"`
  const unknown = Object.keys(call.input).find((name) => !known.includes(name))
  if (unknown !== undefined) return `the command for "${call.tool}" has no place for "${unknown}"`
  const { content } = call.input
  if (typeof content === 'string' && content !== '' && !content.endsWith('\n'))
    return 'WRITE_FILE cannot write a file without a line end at its end'
  return undefined
}

const INPUTS: Readonly<Record<string, readonly string[]>> = {
  read: ['path'],
  write: ['path', 'content'],
  list: ['path'],
  shell: ['command'],
  finish: ['title', 'summary', 'feedback'],
}

/** A call as the line command for it. Written apart from the agent's reading of it, so that each checks the other. */
export function commandText({ tool, input }: Call): string {
  const text = (name: string) => String(input[name] ?? '')
  switch (tool) {
    case 'read':
      return `READ_FILE ${text('path')}`
    case 'list':
      return `LIST_FILES ${input.path === undefined ? '.' : text('path')}`
    case 'write':
      return `WRITE_FILE ${text('path')}\n${block(text('content'))}`
    case 'shell':
      return text('command').includes('\n') ? `RUN\n${block(`${text('command')}\n`)}` : `RUN ${text('command')}`
    default:
      return `DONE ${text('title')}\n${block(`${[text('summary'), ...answersIn(input.feedback)].join('\n')}\n`)}`
  }
}

function answersIn(feedback: unknown): readonly string[] {
  if (!Array.isArray(feedback)) return []
  return feedback.map(({ item, decision, reply }) => `ITEM ${item} ${decision}: ${reply}`)
}

/** A pair of delimiters that is longer than any line of such signs inside. */
function block(content: string): string {
  const inside = [...content.matchAll(/^(?:<{4,}|>{4,})[ \t]*$/gm)].map(([line]) => line.trim().length)
  const length = Math.max(3, ...inside) + 1
  return `${'<'.repeat(length)}\n${content}${'>'.repeat(length)}`
}
