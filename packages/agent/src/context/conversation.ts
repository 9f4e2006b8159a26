import { byteLengthOf } from '../estimate-tokens.ts'
import type { ModelMessage, ModelUsage } from '../model-client.ts'
import type { AgentNote } from '../ports.ts'
import type { ToolProtocol } from '../tool-protocol.ts'
import { compactExchanges } from './compact-exchanges.ts'
import { compactedText, type RecordedTurns } from './compacted-text.ts'
import { answerMessage, type Exchange } from './exchange.ts'
import { createPromptSizer, type PromptSize } from './prompt-size.ts'

/** Compaction breaks the cached prefix, so it is rare: from this share of the window down to that one. */
const COMPACT_AT = 0.7
const COMPACT_TO = 0.3
/** Where plan and feedback alone fill more than that: this much stays for work, and as much again until the next time. */
const LEAST_ROOM = 0.1
/** Whatever plan and feedback fill, the end of the window is not waited for. */
const LATEST_AT = 0.95
/** Not for less than this: it would come again with the next turn. */
const LEAST_GAIN = 0.1

export type ConversationInput = {
  readonly protocol: ToolProtocol
  /** Bytes of system prompt and tools. */
  readonly fixedBytes: number
  /** Plan, acceptance criteria, feedback: stays as it is, at the head of every request. */
  readonly firstMessage: string
  /** Tokens of the model's window. */
  readonly windowTokens: number
  /** The run's random mark around text that is not DevBot's own. */
  readonly delimiter: string
}

/** What a compaction did, in tokens of the next request and in turns. */
export type CompactionFacts = {
  readonly beforeTokens: number
  readonly afterTokens: number
  /** Turns whose results are now one line each. */
  readonly stubbedTurns: number
  /** Turns that are now lines of a record. */
  readonly recordedTurns: number
}

export type Conversation = {
  /** What a request carries; ends with a user message. */
  messages(): readonly ModelMessage[]
  /** Size of the next request. */
  size(): PromptSize
  windowTokens(): number
  /** A reply of the model, what the call used, and what goes back. */
  add(exchange: Omit<Exchange, 'notes'>, usage: ModelUsage): void
  /** Goes to the end of the next request, and stays in every later one; one on the same subject takes its place. */
  addNotes(notes: readonly AgentNote[]): void
  /** Whether the next request would come too near to the end of the window. */
  isNearlyFull(): boolean
  /** The endpoint said that the conversation is too long: its window is smaller than was thought. */
  windowWasReached(): void
  /** Shortens the conversation; `otherFiles` changed besides those that tools told of. Undefined: too little to gain. */
  compact(otherFiles: readonly string[]): CompactionFacts | undefined
}

/**
 * The conversation of one run: append-only, so that every request begins with the one before it and is read from cache,
 * until the window is nearly full; then it is compacted. What left it then is not kept.
 */
export function createConversation(input: ConversationInput): Conversation {
  const { protocol, firstMessage, delimiter } = input
  const sizer = createPromptSizer()
  const notes = new Map<string, string>()
  const files = new Set<string>()
  let { windowTokens } = input
  let exchanges: Exchange[] = []
  let record: readonly string[] = []
  let lastRecordedTurn = 0
  let messages: ModelMessage[] = []
  let headBytes = 0
  let bytes = 0

  /** Everything anew: at the start, and after a compaction. */
  const rebuild = (head: readonly string[]) => {
    const opening = protocol.answer([], head)
    headBytes = input.fixedBytes + byteLengthOf(opening)
    messages = [opening, ...exchanges.flatMap((exchange) => [exchange.reply, answerMessage(protocol, exchange)])]
    bytes = messages.reduce((sum, message) => sum + byteLengthOf(message), input.fixedBytes)
  }
  const bytesOfExchange = (exchange: Exchange) =>
    byteLengthOf(exchange.reply) + byteLengthOf(answerMessage(protocol, exchange))
  const size = () => sizer.sizeOf(bytes)
  const tokensPerByte = () => size().likely / bytes
  /** What a compaction makes of the conversation, in tokens, where its head has this many bytes. */
  const compactTo = (head: number) =>
    Math.max(windowTokens * COMPACT_TO, head * tokensPerByte() + windowTokens * LEAST_ROOM)
  const headTexts = (files: readonly string[], recorded: Omit<RecordedTurns, 'files' | 'notes' | 'delimiter'>) => [
    firstMessage,
    compactedText({ notes: [...notes.values()], files, delimiter, ...recorded }),
  ]

  rebuild([firstMessage])
  return {
    messages: () => messages,
    size,
    windowTokens: () => windowTokens,

    add(exchange, usage) {
      const added = { ...exchange, notes: [] }
      for (const answer of exchange.answers) for (const path of answer.changed ?? []) files.add(path)
      const answer = answerMessage(protocol, added)
      const promptBytes = bytes
      bytes += byteLengthOf(exchange.reply)
      sizer.note(usage, promptBytes, bytes)
      bytes += byteLengthOf(answer)
      messages.push(exchange.reply, answer)
      exchanges.push(added)
    },

    addNotes(arrived) {
      if (arrived.length === 0) return
      for (const { about, text } of arrived) notes.set(about, text)
      const last = exchanges.pop()
      if (last === undefined) {
        rebuild([firstMessage, ...notes.values()])
        return
      }
      const noted = { ...last, notes: [...last.notes, ...arrived] }
      exchanges.push(noted)
      const before = messages.pop()
      const after = answerMessage(protocol, noted)
      messages.push(after)
      bytes += byteLengthOf(after) - (before === undefined ? 0 : byteLengthOf(before))
    },

    isNearlyFull() {
      const latest = Math.min(windowTokens * LATEST_AT, compactTo(headBytes) + windowTokens * LEAST_ROOM)
      return exchanges.length > 0 && size().likely > Math.max(windowTokens * COMPACT_AT, latest)
    },

    windowWasReached() {
      windowTokens = Math.min(windowTokens, size().likely)
    },

    compact(otherFiles) {
      const before = { tokens: size().likely, bytes, headBytes, messages, exchanges }
      const allFiles = [...new Set([...files, ...otherFiles])]
      const bareHead = protocol.answer([], headTexts(allFiles, { record: [], lastTurn: 0, stubbedTurns: 0 }))
      const bareHeadBytes = input.fixedBytes + byteLengthOf(bareHead)
      const roomBytes = compactTo(bareHeadBytes) / tokensPerByte() - bareHeadBytes
      const compacted = compactExchanges(exchanges, record, roomBytes, bytesOfExchange)
      const lastTurn = exchanges[compacted.recorded - 1]?.turn ?? lastRecordedTurn
      exchanges = [...compacted.exchanges]
      rebuild(headTexts(allFiles, { record: compacted.record, lastTurn, stubbedTurns: compacted.stubbed }))
      if (bytes > before.bytes * (1 - LEAST_GAIN)) {
        ;({ bytes, headBytes, messages, exchanges } = before)
        return undefined
      }
      record = compacted.record
      lastRecordedTurn = lastTurn
      sizer.forget()
      return {
        beforeTokens: before.tokens,
        afterTokens: size().likely,
        stubbedTurns: compacted.stubbed,
        recordedTurns: compacted.recorded,
      }
    },
  }
}
