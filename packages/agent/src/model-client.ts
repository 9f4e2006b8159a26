import type { PriceTable } from './price-table.ts'

/**
 * One block of a message, in the shape of the Messages API. Thinking blocks are opaque: they go back exactly as they
 * came, in their place, or the API refuses the request.
 */
export type ModelBlock = TextBlock | ThinkingBlock | RedactedThinkingBlock | ToolUseBlock

type TextBlock = { readonly type: 'text'; readonly text: string }
type ThinkingBlock = {
  readonly type: 'thinking'
  readonly thinking: string
  readonly signature: string
  readonly model?: ForeignModel
}
type RedactedThinkingBlock = {
  readonly type: 'redacted_thinking'
  readonly data: string
  readonly model?: ForeignModel
}
/** The model that thought this, where it is not the run's own: another model cannot read it, and does not get it back. */
type ForeignModel = string
export type ToolUseBlock = {
  readonly type: 'tool_use'
  readonly id: string
  readonly name: string
  readonly input: unknown
  /** Set when the streamed input was no complete JSON text; `input` is then an empty object and must not be used. */
  readonly inputUnreadable?: true
}

export type ToolResultBlock = {
  readonly type: 'tool_result'
  readonly toolUseId: string
  readonly text: string
  readonly isError: boolean
}

/** One message of the conversation, which only grows at its end until it is compacted (`context/conversation.ts`). */
export type ModelMessage =
  | { readonly role: 'user'; readonly content: readonly (TextBlock | ToolResultBlock)[] }
  | { readonly role: 'assistant'; readonly content: readonly ModelBlock[] }

/** A tool as the model is told of it. */
export type ToolOffer = {
  readonly name: string
  readonly description: string
  readonly inputSchema: { readonly type: 'object'; readonly [key: string]: unknown }
}

/** Why a reply ended, by the API's names; a name that is not known arrives as it is. */
type StopReason = string

/**
 * What a call used, as far as it was reported: absent means "not told", never zero. `requestBytes` and
 * `maxOutputTokens` bound what is absent (`countUsage`).
 */
export type ModelUsage = {
  readonly inputTokens?: number | undefined
  readonly outputTokens?: number | undefined
  readonly cacheReadTokens?: number | undefined
  readonly cacheWriteTokens?: number | undefined
  readonly requestBytes: number
  readonly maxOutputTokens: number
  /** The model that was asked, where it is not the client's own. */
  readonly model?: string
}

export type ModelReply = {
  readonly content: readonly ModelBlock[]
  readonly stopReason: StopReason
  readonly usage: ModelUsage
}

/** An attempt that gave no reply, told while the client still tries. */
export type FailedAttempt = {
  /** Code of the error. */
  readonly code: string
  /** What it used before it failed, if anything was reported: it was paid for. */
  readonly usage?: ModelUsage
  /** Wait before the next attempt; absent when there is none. */
  readonly retryInMs?: number
}

export type ModelRequest = {
  readonly system: string
  readonly tools: readonly ToolOffer[]
  readonly messages: readonly ModelMessage[]
  readonly signal: AbortSignal
  /** Ceiling of this reply, thinking included; the client's own when absent or larger. */
  readonly maxOutputTokens?: number
  /** Awaited before the wait for the next attempt; what it throws ends the call. */
  readonly onFailedAttempt?: (attempt: FailedAttempt) => void | Promise<void>
}

/**
 * The model. `ask` gives a complete reply or throws a `DevBotError`; a reply that broke off is never given in part.
 * Passing troubles are retried inside, within limits.
 */
export interface ModelClient {
  /** The model's name, for prices and records. */
  readonly model: string
  /** Ceiling of one reply where the request sets no lower one, thinking included. */
  readonly maxOutputTokens: number
  /** Other models that a call may go to instead; what it costs at most is what the dearest of all costs. */
  readonly mayAsk?: readonly string[]
  /** What its calls cost; the prices DevBot knows when absent. */
  readonly prices?: PriceTable | undefined
  ask(request: ModelRequest): Promise<ModelReply>
}
