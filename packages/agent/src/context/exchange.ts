import type { ModelMessage } from '../model-client.ts'
import type { AgentNote } from '../ports.ts'
import type { ToolAnswer, ToolProtocol } from '../tool-protocol.ts'

/** One turn as the conversation keeps it: the model's reply and what went back. */
export type Exchange = {
  readonly turn: number
  readonly reply: ModelMessage
  readonly answers: readonly ToolAnswer[]
  /** What the loop itself said after the answers. */
  readonly texts: readonly string[]
  /** What arrived meanwhile. */
  readonly notes: readonly AgentNote[]
}

/** The user message of an exchange. */
export function answerMessage(protocol: ToolProtocol, exchange: Omit<Exchange, 'turn' | 'reply'>): ModelMessage {
  return protocol.answer(exchange.answers, [...exchange.texts, ...exchange.notes.map((note) => note.text)])
}

/**
 * Without thinking: a thinking block holds only below exactly the messages it was made under (the API refuses it
 * elsewhere), so none of them outlives a change of what stands before it.
 */
export function withoutThinking(exchange: Exchange): Exchange {
  const { reply } = exchange
  if (reply.role !== 'assistant') return exchange
  const content = reply.content.filter((block) => block.type !== 'thinking' && block.type !== 'redacted_thinking')
  if (content.length === reply.content.length) return exchange
  const kept = content.length > 0 ? content : [{ type: 'text' as const, text: '(thought only)' }]
  return { ...exchange, reply: { role: 'assistant', content: kept } }
}
