import type { ModelBlock, ModelUsage } from './model-client.ts'
import type { AgentNote } from './ports.ts'
import type { ToolCall } from './tool-protocol.ts'

/** What the ledger has of a run that was cut off, in the order in which it was written. */
export type RecordedEntry =
  | RecordedReply
  | RecordedResult
  | RecordedNotes
  | RecordedCompaction
  /** The call began; written only for calls that cannot be repeated. */
  | { readonly kind: 'tool-start'; readonly turn: number; readonly toolUseId: string }

export type RecordedReply = {
  readonly kind: 'reply'
  readonly turn: number
  readonly content: readonly ModelBlock[]
  readonly stopReason: string
  readonly usage: ModelUsage
}
export type RecordedResult = {
  readonly kind: 'tool-result'
  readonly turn: number
  readonly toolUseId: string
  readonly isError: boolean
  readonly text: string
  readonly detail?: string | undefined
  readonly changed?: readonly string[] | undefined
}
type RecordedNotes = { readonly kind: 'notes'; readonly turn: number; readonly notes: readonly AgentNote[] }
type RecordedCompaction = {
  readonly kind: 'compaction'
  readonly turn: number
  readonly otherFiles: readonly string[]
  /** It was made because the endpoint said that the window is full. */
  readonly windowReached: boolean
}

export type RecordedRun = {
  readonly entries: readonly RecordedEntry[]
  /** The sandbox has the files as they were after this turn; 0: as at the start. */
  readonly restoredTurn: number
}

/** What a call is to a sandbox that was rebuilt: `once` for what may reach out of it, or takes what no file holds. */
export type CallNature = 'reads' | 'repeatable' | 'once' | 'finish'

/** How a call is answered that was begun before. */
export type ReplayedAnswer =
  /** `again`: the sandbox does not have what it did to the files; it is done again, and the answer stays what it was. */
  | { readonly kind: 'recorded'; readonly result: RecordedResult; readonly again: boolean }
  | { readonly kind: 'interrupted'; readonly text: string }

/**
 * A cut-off run as the loop goes through it again: what was recorded is taken as it is, what was not is done. Without a
 * record every answer is "not recorded".
 */
export type Replay = {
  /** What was put into the conversation before the request of `turn`, in order. */
  before(turn: number): readonly (RecordedNotes | RecordedCompaction)[]
  reply(turn: number): RecordedReply | undefined
  /** Undefined: the call is to be carried out, as for the first time. */
  answer(turn: number, call: ToolCall, nature: CallNature): ReplayedAnswer | undefined
}

const LOST =
  'Interrupted: DevBot was restarted and the sandbox rebuilt. The files are as they were before this command; nothing it did there remains. Run it again if it is still needed.'

export function createReplay({ entries, restoredTurn }: RecordedRun = { entries: [], restoredTurn: 0 }): Replay {
  const replies = new Map<number, RecordedReply>()
  const results = new Map<string, RecordedResult>()
  const started = new Set<string>()
  const befores = new Map<number, (RecordedNotes | RecordedCompaction)[]>()
  for (const entry of entries) {
    if (entry.kind === 'reply') replies.set(entry.turn, entry)
    // The newest counts: a call may have been carried out again.
    else if (entry.kind === 'tool-result') results.set(keyOf(entry.turn, entry.toolUseId), entry)
    else if (entry.kind === 'tool-start') started.add(keyOf(entry.turn, entry.toolUseId))
    else befores.set(entry.turn, [...(befores.get(entry.turn) ?? []), entry])
  }
  const lastTurn = Math.max(0, ...replies.keys())

  return {
    before: (turn) => befores.get(turn) ?? [],
    reply: (turn) => replies.get(turn),
    answer(turn, call, nature) {
      if (!replies.has(turn)) return undefined
      const result = results.get(keyOf(turn, call.id))
      const recorded = result === undefined ? undefined : ({ kind: 'recorded', result, again: false } as const)
      // The model has read it: whatever became of its effects, this is what was said.
      if (turn < lastTurn) return recorded ?? interrupted()
      if (nature === 'reads') return recorded
      // A claim that was accepted is judged again: the judgement was the worker's, and is gone with it.
      if (nature === 'finish') return result?.isError === true ? recorded : undefined
      if (recorded !== undefined) return { ...recorded, again: turn > restoredTurn && call.refusal === undefined }
      return started.has(keyOf(turn, call.id)) ? interrupted() : undefined
    },
  }
}

/**
 * Turns before the last whose changes the restored sandbox does not have, and the model believes in. Only where a checkpoint
 * could not be taken; what the last turn did is done again.
 */
export function lostTurns({ entries, restoredTurn }: RecordedRun): readonly number[] {
  const lastTurn = Math.max(0, ...entries.map(({ turn }) => turn))
  const changing = entries.filter((entry) => {
    return entry.kind === 'tool-start' || (entry.kind === 'tool-result' && entry.changed !== undefined)
  })
  return [...new Set(changing.map(({ turn }) => turn))].filter((turn) => turn > restoredTurn && turn < lastTurn)
}

function keyOf(turn: number, toolUseId: string): string {
  return `${turn} ${toolUseId}`
}

function interrupted(): ReplayedAnswer {
  return { kind: 'interrupted', text: LOST }
}
