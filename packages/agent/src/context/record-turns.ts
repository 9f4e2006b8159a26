import { oneLine } from '../agent-tool.ts'
import type { ToolAnswer } from '../tool-protocol.ts'
import type { Exchange } from './exchange.ts'

/** Below this a result says no more as a stub than as it is. */
const SHORT_RESULT_BYTES = 240
/** The agent's own words of a turn that are kept in the record. */
const WORDS = 240
/** How commands end, as the shell tool writes it into the last line of its result. */
const ENDING = /\[(exit code \d+|ended after \d+ s|the command was interrupted)[^\]\n]*\]\s*$/

/** The turn with every longer result in one line: tool, what it was about, how it ended, its size. */
export function withStubs(exchange: Exchange): Exchange {
  return { ...exchange, answers: exchange.answers.map(stubOf) }
}

function stubOf(answer: ToolAnswer): ToolAnswer {
  if (Buffer.byteLength(answer.text) <= SHORT_RESULT_BYTES) return answer
  const line = answerLine(answer)
  return { ...answer, line, text: `[result left out to save room: ${line}]` }
}

/** What is kept of a turn that leaves the conversation: the agent's words shortened, and each call in one line. */
export function recordOf({ turn, reply, answers }: Exchange): string {
  const words = oneLine(reply.content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join(' '), WORDS)
  return [
    ...(words === '' ? [] : [`turn ${turn}: "${words}"`]),
    ...answers.map((answer) => `turn ${turn}: ${answerLine(answer)}`),
  ].join('\n')
}

/** A result's own text stays out, but for the ending that DevBot wrote: it may come from anywhere. */
function answerLine({ call, detail, isError, text, line }: ToolAnswer): string {
  if (line !== undefined) return line
  const about = [call.name, ...(detail === undefined || detail === '' ? [] : [detail])].join(' ')
  const ending = ENDING.exec(text.slice(-400))?.[1] ?? (isError ? 'error' : 'ok')
  return `${oneLine(about, 200)} -> ${ending}, ${Buffer.byteLength(text)} bytes`
}
