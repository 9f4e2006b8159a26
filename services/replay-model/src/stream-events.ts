import type { Reply, ReplyBlock } from './reply.ts'

export type StreamEvent = { readonly type: string } & Readonly<Record<string, unknown>>

/** Characters in one delta: small, so that clients have to put texts together. */
const DELTA_CHARACTERS = 48

/**
 * A reply as the events of a stream.
 * Source: build-with-claude/streaming ("Event types"), and RawMessageStreamEvent in @anthropic-ai/sdk 1.12.
 */
export function streamEvents(reply: Reply): readonly StreamEvent[] {
  const { output_tokens_details: _details, output_tokens: _output, ...inputUsage } = reply.usage
  const start = {
    ...reply,
    content: [],
    stop_reason: null,
    usage: { ...inputUsage, output_tokens: 1, output_tokens_details: null },
  }
  return [
    { type: 'message_start', message: start },
    { type: 'ping' },
    ...reply.content.flatMap(blockEvents),
    {
      type: 'message_delta',
      delta: { stop_reason: reply.stop_reason, stop_sequence: null, stop_details: null, container: null },
      usage: {
        input_tokens: reply.usage.input_tokens,
        cache_creation_input_tokens: reply.usage.cache_creation_input_tokens,
        cache_read_input_tokens: reply.usage.cache_read_input_tokens,
        output_tokens: reply.usage.output_tokens,
        output_tokens_details: reply.usage.output_tokens_details,
        server_tool_use: null,
      },
    },
    { type: 'message_stop' },
  ]
}

function blockEvents(block: ReplyBlock, index: number): readonly StreamEvent[] {
  return [
    { type: 'content_block_start', index, content_block: emptyBlock(block) },
    ...deltasOf(block).map((delta) => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ]
}

function emptyBlock(block: ReplyBlock): object {
  if (block.type === 'text') return { ...block, text: '' }
  return block.type === 'thinking' ? { ...block, thinking: '', signature: '' } : { ...block, input: {} }
}

function deltasOf(block: ReplyBlock): readonly object[] {
  if (block.type === 'text') return pieces(block.text).map((text) => ({ type: 'text_delta', text }))
  if (block.type === 'tool_use')
    return ['', ...pieces(JSON.stringify(block.input))].map((text) => ({
      type: 'input_json_delta',
      partial_json: text,
    }))
  return [
    ...pieces(block.thinking).map((thinking) => ({ type: 'thinking_delta', thinking })),
    { type: 'signature_delta', signature: block.signature },
  ]
}

/** Cut between code points, never inside one. */
function pieces(text: string): readonly string[] {
  const characters = Array.from(text)
  const count = Math.ceil(characters.length / DELTA_CHARACTERS)
  return Array.from({ length: count }, (_, index) =>
    characters.slice(index * DELTA_CHARACTERS, (index + 1) * DELTA_CHARACTERS).join(''),
  )
}
