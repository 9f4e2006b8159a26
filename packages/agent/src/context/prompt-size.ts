import { BYTES_PER_TOKEN } from '../estimate-tokens.ts'
import type { ModelUsage } from '../model-client.ts'

/** A text is never denser than a token per byte, and never thinner than this; a count beyond is not believed. */
const MAX_BYTES_PER_TOKEN = 8
/** How much denser text that was not counted yet may be than the text that was. */
const DENSITY_MARGIN = 1.3

/** How large the next prompt is, in tokens. */
export type PromptSize = {
  /** Best guess, for the window. */
  readonly likely: number
  /** Not more than this, for money and ceilings. */
  readonly atMost: number
}

/**
 * Follows the size of an append-only prompt: what the API counted with the last call, plus an estimate of what was
 * added since, by the density that was seen so far. Before the first count a token covers 3.5 bytes at best guess and one
 * byte at worst.
 */
export function createPromptSizer() {
  let tokensPerByte: number | undefined
  let counted: { readonly tokens: number; readonly bytes: number } | undefined

  return {
    /** A call's own count: of a prompt of `promptBytes`, and of the reply that now stands behind it. */
    note(usage: ModelUsage, promptBytes: number, bytesWithReply: number): void {
      const prompt = believable(usage, promptBytes)
      counted = undefined
      if (prompt === undefined) return
      tokensPerByte = prompt / promptBytes
      const output = Math.min(usage.outputTokens ?? usage.maxOutputTokens, usage.maxOutputTokens)
      counted = { tokens: prompt + output, bytes: bytesWithReply }
    },
    /** The prompt was made anew: the count is void, the density stays. */
    forget(): void {
      counted = undefined
    },
    sizeOf(bytes: number): PromptSize {
      const rate = tokensPerByte ?? 1 / BYTES_PER_TOKEN
      if (counted !== undefined) {
        const added = Math.max(0, bytes - counted.bytes)
        return { likely: Math.ceil(counted.tokens + added * rate), atMost: counted.tokens + added }
      }
      const dense = tokensPerByte === undefined ? 1 : Math.min(1, tokensPerByte * DENSITY_MARGIN)
      return { likely: Math.ceil(bytes * rate), atMost: Math.ceil(bytes * dense) }
    },
  }
}

/** The prompt's tokens as told, where they can be true; gateways leave out what came from their cache, or everything. */
function believable(usage: ModelUsage, promptBytes: number): number | undefined {
  const { inputTokens, cacheReadTokens = 0, cacheWriteTokens = 0 } = usage
  if (inputTokens === undefined) return undefined
  const told = inputTokens + cacheReadTokens + cacheWriteTokens
  return told >= promptBytes / MAX_BYTES_PER_TOKEN && told <= usage.requestBytes ? told : undefined
}
