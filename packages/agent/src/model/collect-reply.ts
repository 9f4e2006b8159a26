import type Anthropic from '@anthropic-ai/sdk'
import { DevBotError } from '@devbot/contracts'
import type { ModelBlock, ModelReply, ModelUsage, ToolUseBlock } from '../model-client.ts'

type Growing = { block: ModelBlock | undefined; json: string; open: boolean }
type Told = Partial<
  Record<'input_tokens' | 'output_tokens' | 'cache_read_input_tokens' | 'cache_creation_input_tokens', number | null>
>

/**
 * Puts a streamed reply together. The SDK could do it, but it reads a tool's input leniently: from a stream that broke
 * off it would give a shorter input that looks whole. Here an input is JSON from its first byte to its last, or it is
 * marked unreadable, and a reply counts only when the stream said that it is complete.
 */
export function createReplyCollector(bounds: Pick<ModelUsage, 'requestBytes' | 'maxOutputTokens'>) {
  const parts: Growing[] = []
  const told: Told = {}
  let begun = false
  let complete = false
  let receivedBytes = 0
  let stopReason: string | null = null

  return {
    take(event: Anthropic.RawMessageStreamEvent): void {
      switch (event.type) {
        case 'message_start':
          begun = true
          noteUsage(told, event.message.usage)
          return
        case 'content_block_start':
          parts[event.index] = { block: startOf(event.content_block), json: '', open: true }
          return
        case 'content_block_delta':
          receivedBytes += Buffer.byteLength(JSON.stringify(event.delta))
          extend(partAt(parts, event.index), event.delta)
          return
        case 'content_block_stop':
          partAt(parts, event.index).open = false
          return
        case 'message_delta':
          stopReason = event.delta.stop_reason
          noteUsage(told, event.usage)
          return
        case 'message_stop':
          complete = true
      }
    },

    /** The whole reply, or a transient error when the stream ended before it was whole. */
    finish(): ModelReply {
      if (!complete || stopReason === null || parts.some((part) => part.open)) throw brokenStream()
      return { content: parts.flatMap(blocksOf), stopReason, usage: usageOf(told, bounds) }
    },

    /**
     * What an unfinished reply used, if it had begun. Its output was told only for its beginning, so it is counted as a
     * token for each byte that arrived.
     */
    usageSoFar(): ModelUsage | undefined {
      const output = Math.max(1, told.output_tokens ?? 0, Math.min(receivedBytes, bounds.maxOutputTokens))
      return begun ? usageOf({ ...told, output_tokens: output }, bounds) : undefined
    },
  }
}

export function brokenStream(cause?: unknown): DevBotError {
  return new DevBotError({
    category: 'transient',
    code: 'model-stream-broken',
    message: 'The model began a reply and its stream ended before the reply was complete. It is asked again.',
    cause,
  })
}

/** Blocks that DevBot offers no use for (a server tool's) are left out; it never asks for them. */
function startOf(block: Anthropic.ContentBlock): ModelBlock | undefined {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: block.text }
    case 'thinking':
      return { type: 'thinking', thinking: block.thinking, signature: block.signature }
    case 'redacted_thinking':
      return { type: 'redacted_thinking', data: block.data }
    case 'tool_use':
      return { type: 'tool_use', id: block.id, name: block.name, input: block.input }
    default:
      return undefined
  }
}

function partAt(parts: readonly Growing[], index: number): Growing {
  const part = parts[index]
  if (part === undefined) throw brokenStream()
  return part
}

function extend(part: Growing, delta: Anthropic.RawContentBlockDelta): void {
  const { block } = part
  if (delta.type === 'input_json_delta') part.json += delta.partial_json
  else if (delta.type === 'text_delta' && block?.type === 'text')
    part.block = { ...block, text: block.text + delta.text }
  else if (block?.type === 'thinking') {
    if (delta.type === 'thinking_delta') part.block = { ...block, thinking: block.thinking + delta.thinking }
    if (delta.type === 'signature_delta') part.block = { ...block, signature: delta.signature }
  }
}

function blocksOf(part: Growing): readonly ModelBlock[] {
  if (part.block === undefined) return []
  return [part.block.type === 'tool_use' && part.json !== '' ? withInput(part.block, part.json) : part.block]
}

/** The API takes a tool's input back only as an object. */
function withInput(block: ToolUseBlock, json: string): ToolUseBlock {
  const input = parseObject(json)
  return input === undefined ? { ...block, input: {}, inputUnreadable: true } : { ...block, input }
}

function parseObject(json: string): object | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    // Not JSON: told to the model as an unreadable input.
    return undefined
  }
}

/** The numbers are running totals: a later one replaces an earlier one, an absent one says nothing. */
function noteUsage(told: Told, usage: Told | null | undefined): void {
  if (usage === null || usage === undefined) return
  for (const key of [
    'input_tokens',
    'output_tokens',
    'cache_read_input_tokens',
    'cache_creation_input_tokens',
  ] as const) {
    const value = usage[key]
    if (typeof value === 'number') told[key] = value
  }
}

function usageOf(told: Told, bounds: Pick<ModelUsage, 'requestBytes' | 'maxOutputTokens'>): ModelUsage {
  return {
    inputTokens: told.input_tokens ?? undefined,
    outputTokens: told.output_tokens ?? undefined,
    cacheReadTokens: told.cache_read_input_tokens ?? undefined,
    cacheWriteTokens: told.cache_creation_input_tokens ?? undefined,
    ...bounds,
  }
}
