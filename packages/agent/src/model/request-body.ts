import type Anthropic from '@anthropic-ai/sdk'
import type { ModelBlock, ModelMessage, ModelRequest, ToolResultBlock } from '../model-client.ts'
import { type Effort, factsOf } from './model-facts.ts'

/**
 * How many of the newest user messages carry a cache breakpoint. The newest one writes the cache for the next request;
 * the one before it marks what the last request wrote, also when a long reply lies between. Together with the system
 * prompt's breakpoint that is three of the four the API allows.
 */
const MOVING_BREAKPOINTS = 2
const CACHED = { cache_control: { type: 'ephemeral' } } as const

export type RequestOptions = {
  readonly model: string
  readonly maxOutputTokens: number
  readonly effort?: Effort | undefined
  /** `off`: as little thinking as the model allows. */
  readonly thinking?: 'adaptive' | 'off' | undefined
}

/**
 * The body of one request. Tools, system prompt and messages stand in the order in which the API caches them; only
 * the breakpoints move, and they are no part of what is compared. Thinking is left to the model's default (adaptive)
 * or turned off as far as the model allows.
 */
export function requestBody(
  request: Pick<ModelRequest, 'system' | 'tools' | 'messages'>,
  options: RequestOptions,
): Anthropic.MessageCreateParamsStreaming {
  const facts = factsOf(options.model)
  return {
    model: options.model,
    max_tokens: options.maxOutputTokens,
    stream: true,
    ...(options.effort === undefined || !facts.takesEffort ? {} : { output_config: { effort: options.effort } }),
    ...thinkingParam(options),
    ...(request.tools.length === 0
      ? {}
      : {
          tools: request.tools.map(({ name, description, inputSchema }) => ({
            name,
            description,
            input_schema: inputSchema,
          })),
        }),
    system: [{ type: 'text', text: request.system, ...CACHED }],
    messages: messageParams(request.messages),
  }
}

function thinkingParam({ model, thinking }: RequestOptions): Pick<Anthropic.MessageCreateParams, 'thinking'> {
  const { thinkingOff } = factsOf(model)
  if (thinking !== 'off' || thinkingOff === 'unset' || thinkingOff === 'never') return {}
  return { thinking: { type: thinkingOff } }
}

function messageParams(messages: readonly ModelMessage[]): Anthropic.MessageParam[] {
  const userIndexes = messages.flatMap((message, index) => (message.role === 'user' ? [index] : []))
  const marked = new Set(userIndexes.slice(-MOVING_BREAKPOINTS))
  return messages.map((message, index) => {
    const content = message.content.map(blockParam)
    const last = content.at(-1)
    if (marked.has(index) && last !== undefined && (last.type === 'text' || last.type === 'tool_result')) {
      content[content.length - 1] = { ...last, ...CACHED }
    }
    return { role: message.role, content }
  })
}

function blockParam(block: ModelBlock | ToolResultBlock): Anthropic.ContentBlockParam {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: block.text }
    case 'thinking':
      return { type: 'thinking', thinking: block.thinking, signature: block.signature }
    case 'redacted_thinking':
      return { type: 'redacted_thinking', data: block.data }
    case 'tool_use':
      return { type: 'tool_use', id: block.id, name: block.name, input: block.input }
    case 'tool_result':
      return {
        type: 'tool_result',
        tool_use_id: block.toolUseId,
        content: block.text,
        ...(block.isError ? { is_error: true } : {}),
      }
  }
}
