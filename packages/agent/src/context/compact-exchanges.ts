import { type Exchange, withoutThinking } from './exchange.ts'
import { recordOf, withStubs } from './record-turns.ts'

/** Of the room, the part that the newest turns may fill as they are; the rest is for stubs and the record. */
const WHOLE_SHARE = 0.5
/** Of the room, the part that the record of turns that left may fill; its oldest lines go first. */
const RECORD_SHARE = 0.25

/** Bytes of everything in an exchange that the model reads. */
export type SizeOf = (exchange: Exchange) => number

export type Compacted = {
  readonly exchanges: readonly Exchange[]
  /** One entry for each turn that left the conversation, oldest first; the oldest ones may be missing. */
  readonly record: readonly string[]
  /** Turns whose results became stubs now. */
  readonly stubbed: number
  /** Turns that left the conversation now. */
  readonly recorded: number
}

/**
 * Makes a conversation fit into `roomBytes`: the newest turns stay whole, the results of older ones become stubs, and
 * where that is not enough the oldest turns become lines of a record. Thinking goes everywhere, and notes: they stand
 * at the conversation's head from then on. Where the newest turn alone is too large its results lose their middles, and
 * at last it goes into the record, too.
 */
export function compactExchanges(
  exchanges: readonly Exchange[],
  record: readonly string[],
  roomBytes: number,
  sizeOf: SizeOf,
): Compacted {
  const bare = exchanges.map((exchange) => ({ ...withoutThinking(exchange), notes: [] }))
  const newest = newestWithin(bare, roomBytes * WHOLE_SHARE, sizeOf)
  const kept = [
    ...bare.slice(0, bare.length - newest.length).map(withStubs),
    ...(newest.length > 1 ? newest : newest.map((exchange) => cutToFit(exchange, roomBytes * WHOLE_SHARE, sizeOf))),
  ]
  const sizes = kept.map(sizeOf)
  const lines = [...record]
  let total = sum(sizes)
  let recorded = 0
  while (recorded < kept.length && total + Math.min(bytesOf(lines), roomBytes * RECORD_SHARE) > roomBytes) {
    const oldest = kept[recorded]
    if (oldest !== undefined) lines.push(recordOf(oldest))
    total -= sizes[recorded] ?? 0
    recorded += 1
  }
  return {
    exchanges: kept.slice(recorded),
    record: newestLines(lines, roomBytes * RECORD_SHARE),
    stubbed: Math.max(0, kept.length - newest.length - recorded),
    recorded,
  }
}

/** The newest exchanges that fit, the very newest in any case. */
function newestWithin(exchanges: readonly Exchange[], maxBytes: number, sizeOf: SizeOf): readonly Exchange[] {
  let bytes = 0
  const first = exchanges.findLastIndex((exchange) => {
    bytes += sizeOf(exchange)
    return bytes > maxBytes
  })
  return exchanges.slice(Math.min(first + 1, exchanges.length - 1))
}

/** The newest turn is what the model works on: its results are shortened evenly, the longest first, no more than needed. */
function cutToFit(exchange: Exchange, maxBytes: number, sizeOf: SizeOf): Exchange {
  const rest = sizeOf({ ...exchange, answers: exchange.answers.map((answer) => ({ ...answer, text: '' })) })
  const maxEach = evenLimit(
    exchange.answers.map(({ text }) => Buffer.byteLength(text)),
    maxBytes - rest,
  )
  return { ...exchange, answers: exchange.answers.map((answer) => ({ ...answer, text: cut(answer.text, maxEach) })) }
}

/** The largest limit at which all sizes, each cut to it, fit together. */
function evenLimit(sizes: readonly number[], room: number): number {
  let left = Math.max(0, room)
  const ascending = [...sizes].sort((a, b) => a - b)
  for (const [index, size] of ascending.entries()) {
    const share = Math.floor(left / (ascending.length - index))
    if (size > share) return share
    left -= size
  }
  return Number.POSITIVE_INFINITY
}

function cut(text: string, maxBytes: number): string {
  const bytes = Buffer.byteLength(text)
  if (bytes <= maxBytes) return text
  // In characters, of which each has at least one byte: scaled, so that what stays has about that many bytes.
  const half = Math.floor((text.length * (maxBytes / bytes)) / 2)
  const tail = half === 0 ? '' : text.slice(-half).toWellFormed()
  return `${text.slice(0, half).toWellFormed()}\n[${bytes - Math.floor(maxBytes)} bytes left out here to save room; look again at the part you need]\n${tail}`
}

function newestLines(lines: readonly string[], maxBytes: number): readonly string[] {
  let bytes = 0
  const cutAt = lines.findLastIndex((line) => {
    bytes += Buffer.byteLength(line) + 1
    return bytes > maxBytes
  })
  return lines.slice(cutAt + 1)
}

function bytesOf(lines: readonly string[]): number {
  return sum(lines.map((line) => Buffer.byteLength(line) + 1))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
