import type { ExecOptions, ExecResult, FeedbackDecision, Finish, Limit } from '@devbot/contracts'

/** What the tools need of the world: the narrow side of a sandbox. */
export interface Workspace {
  exec(command: string, options: ExecOptions): Promise<ExecResult>
  readFile(
    path: string,
    options: { readonly maxBytes: number },
  ): Promise<
    | { readonly kind: 'file'; readonly bytes: Uint8Array; readonly totalBytes: number }
    | { readonly kind: 'missing' | 'directory' | 'not-a-file' | 'no-permission' }
  >
  writeFile(
    path: string,
    bytes: Uint8Array,
  ): Promise<{ readonly kind: 'written' } | { readonly kind: 'failed'; readonly reason: string }>
}

/** Where turns are recorded. A promise that resolved means: durable. */
export interface TurnRecorder {
  /** Called with each complete model reply before any of its tools runs. */
  recordReply(turn: number, reply: unknown, usage: TurnUsage): Promise<void>
  recordToolResult(
    turn: number,
    result: { readonly toolUseId: string; readonly tool: string; readonly summary: string; readonly body: unknown },
  ): Promise<void>
}

export type TurnUsage = {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cacheReadTokens: number
  readonly cacheWriteTokens: number
  readonly costMicroUsd: number
  readonly durationMs: number
  readonly stopReason: string
}

export type AgentLimits = {
  readonly maxTurns: number
  readonly maxCostMicroUsd: number
  /** Spent on this task before this run. */
  readonly spentMicroUsd: number
  readonly maxCostPerDayMicroUsd: number
  /** When the run has to end, UTC milliseconds of the `nowMs` clock. */
  readonly deadlineMs: number
}

/** The money of the day, shared by all workers. */
export interface Spending {
  spentTodayMicroUsd(): Promise<number>
  /** Adds what a call cost; durable when it resolves. */
  add(microUsd: number): Promise<void>
}

/** One answer to a feedback item, as the agent gave it. */
export type FeedbackAnswer = { readonly item: string; readonly decision: FeedbackDecision; readonly reply: string }

export type FinishClaim = Finish & { readonly feedback: readonly FeedbackAnswer[] }

/** The worker's word on a claim to be done; `rejected` goes back to the agent as the finish tool's result. */
export type FinishVerdict = { readonly kind: 'accepted' } | { readonly kind: 'rejected'; readonly message: string }

export type AgentEnding =
  | { readonly kind: 'finished'; readonly claim: FinishClaim }
  | { readonly kind: 'limit-reached'; readonly limit: Limit; readonly detail: string }
  | { readonly kind: 'gave-up'; readonly reason: string }
  | { readonly kind: 'aborted' }

export type AgentTotals = {
  readonly turns: number
  readonly costMicroUsd: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cacheReadTokens: number
  readonly cacheWriteTokens: number
}
