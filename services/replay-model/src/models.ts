/** What of a model the API checks requests against. */
export type ModelFacts = {
  /** Values of `thinking.type` that are accepted. */
  readonly thinking: readonly ('adaptive' | 'disabled' | 'between_tools')[]
  /** Whether `tool_choice` may be `any` or `tool`. */
  readonly forcedToolChoice: boolean
}

/**
 * The current models. All of them refuse a thinking budget, sampling parameters other than the defaults, and an
 * assistant message at the end.
 * Sources (read in October 2026), below platform.claude.com/docs/en/models: sonnet-5-5/migration-guide (its five
 * settings that return 400), opus-5-5/whats-new-opus-5-5 ("Thinking can't be disabled", forced tool use; both also on
 * Fable 5.1), haiku-5-5/migration-guide (names budgets, sampling and prefill only). `between_tools` exists on
 * Sonnet 5.5: message of its 400 for `disabled`.
 */
export const MODELS: Readonly<Record<string, ModelFacts>> = {
  'claude-fable-5-2': { thinking: ['adaptive'], forcedToolChoice: false },
  'claude-sonnet-5-5': { thinking: ['adaptive', 'between_tools'], forcedToolChoice: false },
  'claude-opus-5-5': { thinking: ['adaptive'], forcedToolChoice: false },
  'claude-fable-5-1': { thinking: ['adaptive'], forcedToolChoice: false },
  'claude-haiku-5-5': { thinking: ['adaptive', 'disabled'], forcedToolChoice: true },
}

/** Largest `max_tokens`. Source: model pages of Sonnet 5.5 and Opus 5.5, 128k output. */
export const MAX_OUTPUT_TOKENS = 128_000
/** Context window in tokens. Source: model pages of Sonnet 5.5 and Opus 5.5. */
export const CONTEXT_TOKENS = 1_000_000
