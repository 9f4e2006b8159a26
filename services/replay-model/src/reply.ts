import { createHash } from 'node:crypto'
import type { ChosenTurn } from './choose-turn.ts'
import { estimateTokens, type PromptBlock } from './prompt-blocks.ts'
import type { CachedInput } from './prompt-cache.ts'
import type { MessagesRequest } from './request.ts'
import { commandText, speaksText } from './text-commands.ts'
import { signThinking } from './thinking-signature.ts'

export type ReplyBlock =
  | { readonly type: 'thinking'; readonly thinking: string; readonly signature: string }
  | { readonly type: 'text'; readonly text: string; readonly citations: null }
  | {
      readonly type: 'tool_use'
      readonly id: string
      readonly name: string
      readonly input: Readonly<Record<string, unknown>>
      readonly caller: { readonly type: 'direct' }
    }

export type ReplyUsage = {
  readonly input_tokens: number
  readonly output_tokens: number
  readonly cache_creation_input_tokens: number
  readonly cache_read_input_tokens: number
  readonly cache_creation: {
    readonly ephemeral_5m_input_tokens: number
    readonly ephemeral_1h_input_tokens: number
  }
  readonly output_tokens_details: { readonly thinking_tokens: number }
  readonly server_tool_use: null
  readonly service_tier: 'standard'
  readonly inference_geo: null
  readonly speed: null
}

/** A reply as the API gives it. Source: Message in @anthropic-ai/sdk 1.12. */
export type Reply = {
  readonly id: string
  readonly type: 'message'
  readonly role: 'assistant'
  readonly model: string
  readonly content: readonly ReplyBlock[]
  readonly stop_reason: 'tool_use' | 'end_turn' | 'max_tokens' | 'refusal'
  readonly stop_sequence: null
  readonly stop_details: null
  readonly container: null
  readonly diagnostics: null
  readonly usage: ReplyUsage
}

/**
 * The recorded turn as a message. All ids derive from the request, so that the same request gets the same reply, and
 * no two turns of a conversation share one.
 */
export function replyFor(
  chosen: ChosenTurn,
  request: MessagesRequest,
  blocks: readonly PromptBlock[],
  input: CachedInput,
): Reply {
  const { turn, trajectory, index } = chosen
  const prefixHash = blocks.at(-1)?.prefixHash ?? ''
  const content = contentOf(chosen, request, prefixHash)
  const thinkingTokens = turn.thinking === undefined ? 0 : estimateTokens(turn.thinking)
  return {
    id: idFor('msg_01', `${prefixHash}${trajectory}${index}`),
    type: 'message',
    role: 'assistant',
    model: request.model,
    content,
    stop_reason: turn.stopReason ?? (content.some(({ type }) => type === 'tool_use') ? 'tool_use' : 'end_turn'),
    stop_sequence: null,
    stop_details: null,
    container: null,
    diagnostics: null,
    usage: {
      input_tokens: input.inputTokens,
      output_tokens: thinkingTokens + outputTokens(content),
      cache_creation_input_tokens: input.written['5m'] + input.written['1h'],
      cache_read_input_tokens: input.readTokens,
      cache_creation: {
        ephemeral_5m_input_tokens: input.written['5m'],
        ephemeral_1h_input_tokens: input.written['1h'],
      },
      output_tokens_details: { thinking_tokens: thinkingTokens },
      server_tool_use: null,
      service_tier: 'standard',
      inference_geo: null,
      speed: null,
    },
  }
}

function contentOf({ turn, index }: ChosenTurn, request: MessagesRequest, prefixHash: string): readonly ReplyBlock[] {
  // Source: build-with-claude/thinking, "Controlling thinking display": omitted unless asked for on current models.
  const shown = request.thinking?.type === 'adaptive' && request.thinking.display === 'summarized' ? turn.thinking : ''
  const thinking: ReplyBlock[] =
    turn.thinking === undefined || request.thinking?.type === 'disabled'
      ? []
      : [{ type: 'thinking', thinking: shown ?? '', signature: signThinking(prefixHash, shown ?? '') }]
  if (speaksText(request)) {
    const said = [...(turn.text === undefined ? [] : [turn.text]), ...turn.calls.map(commandText)].join('\n\n')
    return [...thinking, ...(said === '' ? [] : [{ type: 'text' as const, text: said, citations: null }])]
  }
  const text: ReplyBlock[] = turn.text === undefined ? [] : [{ type: 'text', text: turn.text, citations: null }]
  const calls = turn.calls.map(
    ({ tool, input }, position): ReplyBlock => ({
      type: 'tool_use',
      id: idFor('toolu_01', `${prefixHash}${index}.${position}`),
      name: tool,
      input,
      caller: { type: 'direct' },
    }),
  )
  return [...thinking, ...text, ...calls]
}

function outputTokens(content: readonly ReplyBlock[]): number {
  const shown = content.filter((block) => block.type !== 'thinking')
  return shown.reduce((sum, block) => sum + estimateTokens(JSON.stringify(block)), 1)
}

/** An id of the API's look: a prefix and 22 letters and digits. */
function idFor(prefix: string, seed: string): string {
  return prefix + createHash('sha256').update(seed).digest('base64').replace(/[+/=]/g, 'x').slice(0, 22)
}
