import type { ModelBlock, ModelMessage, ModelReply, ToolUseBlock } from './model-client.ts'
import type { ToolCall, ToolProtocol } from './tool-protocol.ts'

/** Stands for a reply without any content; the API takes no empty message back. */
const NOTHING_SAID = '(nothing)'
/** The API's own rule for tool_use ids. */
const CALL_ID = /^[A-Za-z0-9_-]{1,128}$/

/** Tool use as the Messages API has it: `tool_use` blocks in the reply, `tool_result` blocks in the answer. */
export const nativeProtocol: ToolProtocol = {
  nudges: {
    silent:
      'You made no tool call. Go on with the work, or call finish when it is done. If it cannot be done, call finish and say why in the summary.',
    cut: 'Your reply was cut off at the output limit. Go on with a tool call, in smaller parts.',
  },
  offer: (tools) => ({ tools, systemText: '' }),
  read(reply, turn, usedIds) {
    const content = withUsableIds(reply.content.filter(isKept), turn, usedIds)
    const calls = content.filter((block) => block.type === 'tool_use').map((block) => callFrom(block, reply))
    return {
      message: { role: 'assistant', content: content.length > 0 ? content : [{ type: 'text', text: NOTHING_SAID }] },
      calls,
    }
  },
  answer(answers, texts): ModelMessage {
    return {
      role: 'user',
      // The API wants the results first, texts after them.
      content: [
        ...answers.map(({ call, isError, text }) => ({
          type: 'tool_result' as const,
          toolUseId: call.id,
          text: text === '' ? '(empty)' : text,
          isError,
        })),
        ...texts.filter((text) => text.trim() !== '').map((text) => ({ type: 'text' as const, text })),
      ],
    }
  },
}

/** Empty text blocks come, but are refused when they are sent back. */
function isKept(block: ModelBlock): boolean {
  return block.type !== 'text' || block.text.trim() !== ''
}

/** The API never repeats an id; gateways do, or leave it out. Two calls with one id would make every later request invalid. */
function withUsableIds(content: readonly ModelBlock[], turn: number, usedIds: ReadonlySet<string>): ModelBlock[] {
  const seen = new Set(usedIds)
  return content.map((block, index) => {
    if (block.type !== 'tool_use') return block
    const id = CALL_ID.test(block.id) && !seen.has(block.id) ? block.id : freshId(turn, index, seen)
    seen.add(id)
    return id === block.id ? block : { ...block, id }
  })
}

function freshId(turn: number, index: number, seen: ReadonlySet<string>): string {
  let id = `devbot_${turn}_${index}`
  while (seen.has(id)) id = `${id}_`
  return id
}

function callFrom(block: ToolUseBlock, reply: ModelReply): ToolCall {
  const refusal = refusalFor(block, reply)
  return { id: block.id, name: block.name, input: block.input, ...(refusal === undefined ? {} : { refusal }) }
}

/** A reply that was cut is no whole message, so none of its calls runs, not even one that looks complete. */
function refusalFor(block: ToolUseBlock, reply: ModelReply): string | undefined {
  if (reply.stopReason === 'max_tokens') {
    return 'Not run: your reply was cut off at the output limit. Send the call again, in smaller parts (write a long file in pieces).'
  }
  if (block.inputUnreadable) return 'Not run: the input was not valid JSON. Send the call again.'
  return undefined
}
