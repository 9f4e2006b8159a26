import type { CompactionFacts } from './context/conversation.ts'

/** What a run tells while it goes on. One-way: nothing waits for the listener, and it must not throw. */
export type AgentEvent =
  | { readonly kind: 'turn-start'; readonly turn: number }
  | {
      readonly kind: 'turn-end'
      readonly turn: number
      readonly costMicroUsd: number
      /** The model's reply and its tools together. */
      readonly durationMs: number
      readonly stopReason: string
    }
  /** `detail` is one short line without control characters: the command, the path. */
  | { readonly kind: 'tool-call'; readonly turn: number; readonly tool: string; readonly detail: string }
  | {
      readonly kind: 'tool-result'
      readonly turn: number
      readonly tool: string
      readonly isError: boolean
      readonly durationMs: number
    }
  /** A tool threw what no tool should; the agent got an error result. For the log. */
  | { readonly kind: 'tool-failed'; readonly turn: number; readonly tool: string; readonly error: unknown }
  | { readonly kind: 'model-retry'; readonly turn: number; readonly code: string; readonly delayMs: number }
  /** The conversation was shortened before this turn's request. */
  | ({ readonly kind: 'compaction'; readonly turn: number } & CompactionFacts)
