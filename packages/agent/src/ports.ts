import type { BackgroundCommand, ExecResult, FeedbackDecision, Finish, Limit, ShellOptions } from '@devbot/contracts'
import type { CompactionFacts } from './context/conversation.ts'
import type { RecordedReply, RecordedResult } from './recorded-run.ts'

/** What the tools need of the world: the narrow side of a sandbox. */
export interface Workspace {
  exec(command: string, options: ShellOptions): Promise<ExecResult>
  /** Starts a command that goes on beside the others. */
  startCommand(command: string): Promise<BackgroundCommand>
  readFile(
    path: string,
    options: { readonly maxBytes: number; readonly fromByte?: number },
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
  recordReply(turn: number, reply: Omit<RecordedReply, 'kind' | 'turn'>, usage: TurnUsage): Promise<void>
  /** Called right before a call that cannot be repeated is carried out. Not waited for. */
  recordToolStart(turn: number, toolUseId: string): void
  /** May resolve while it is still being written: it has to be durable before the next `reserve` resolves. */
  recordToolResult(
    turn: number,
    result: Omit<RecordedResult, 'kind' | 'turn'> & { readonly tool: string; readonly summary: string },
  ): Promise<void>
  /** Called before the request of `turn` that carries them first. Durable before the inbox forgets them. */
  recordNotes(turn: number, notes: readonly AgentNote[]): Promise<void>
  /** Called when the conversation was shortened, before the request of `turn` that begins with it. */
  recordCompaction(turn: number, facts: CompactionFacts, why: CompactionCause): Promise<void>
}

/** What a compaction went by besides the conversation itself: with it, it can be made again. */
export type CompactionCause = { readonly otherFiles: readonly string[]; readonly windowReached: boolean }

/** Keeps the sandbox's files outside of it. */
export interface Checkpoints {
  /** The turn's calls may have changed files: keep them, beside what comes next. */
  after(turn: number): void
  /** Resolves when what the last `after` was about is on disk. Awaited before a reply is recorded: its calls come next. */
  durable(): Promise<void>
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

/** The ceilings of a run. What was used before counts: by other runs of the task, and by cut-off attempts at this run. */
export type AgentLimits = {
  /** Replies of this run, those of its cut-off attempts (`turnsBefore`) included. */
  readonly maxTurns: number
  readonly turnsBefore: number
  readonly maxCostMicroUsd: number
  /** Spent on this task before this run. */
  readonly spentMicroUsd: number
  /** Tokens of every kind, in and out, over all runs of the task. */
  readonly maxTokens: number
  /** Used by this task before this run. */
  readonly usedTokens: number
  /** What prompt and reply of one call may have together. */
  readonly windowTokens: number
  /** When the run has to end, UTC milliseconds of the `nowMs` clock. */
  readonly deadlineMs: number
}

/** The money of the day, shared by all workers, in millionths of a dollar. */
export interface Spending {
  /**
   * Sets money aside before a call: `wanted`, or what is left when that is at least `least`. `assumed` is counted when
   * nobody settles.
   */
  reserve(request: {
    readonly wantedMicroUsd: number
    readonly leastMicroUsd: number
    readonly assumedMicroUsd: number
  }): Promise<Reservation>
}

export type Reservation =
  | {
      readonly kind: 'reserved'
      readonly microUsd: number
      /** Puts what the call cost in the place of the reservation; durable when it resolves. */
      settle(costMicroUsd: number): Promise<void>
    }
  | {
      readonly kind: 'refused'
      readonly spentMicroUsd: number
      /** Set aside for other calls under way. */
      readonly reservedMicroUsd: number
      readonly ceilingMicroUsd: number
    }

/** A text that arrived while the agent works; a later one about the same takes its place once turns leave the conversation. */
export type AgentNote = { readonly about: string; readonly text: string }

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
