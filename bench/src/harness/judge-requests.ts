import type { MessagesRequest, RequestSummary } from '@devbot/replay-model'
import { type SeenRequest, turnOf } from './recorded-model.ts'

/** What a token costs beside one of plain input. The 0.1 serves the comparison; dollars use the price table. */
const WEIGHTS = { input: 1, cacheWrite: 1.25, cacheRead: 0.1, output: 5 }

export type Cost = {
  /** In tokens of plain input. */
  readonly index: number
  /** Share of all input that was read from cache, 0..1. */
  readonly readShare: number
}

/** What the conversation costs, by the replay model's own cache. */
export function costOf(billed: readonly RequestSummary[]): Cost {
  const sum = { input: 0, cacheWrite: 0, cacheRead: 0, output: 0 }
  for (const { usage } of billed) {
    sum.input += usage?.input_tokens ?? 0
    sum.cacheWrite += usage?.cache_creation_input_tokens ?? 0
    sum.cacheRead += usage?.cache_read_input_tokens ?? 0
    sum.output += usage?.output_tokens ?? 0
  }
  const index =
    sum.input * WEIGHTS.input +
    sum.cacheWrite * WEIGHTS.cacheWrite +
    sum.cacheRead * WEIGHTS.cacheRead +
    sum.output * WEIGHTS.output
  return { index, readShare: sum.cacheRead / Math.max(1, sum.input + sum.cacheWrite + sum.cacheRead) }
}

/** How many requests do not begin with the whole of the one before: tools, system prompt, every block of every message. */
export function prefixBreaks(requests: readonly MessagesRequest[]): number {
  const shapes = requests.map(shapeOf)
  return shapes.filter((shape, at) => {
    const before = shapes[at - 1]
    if (before === undefined) return false
    return shape.head !== before.head || before.blocks.some((block, index) => shape.blocks[index] !== block)
  }).length
}

function shapeOf({ model, tools, system, tool_choice, thinking, messages }: MessagesRequest) {
  return {
    head: withoutMarks({ model, tools, system, tool_choice, thinking }),
    // The prompt cache goes by blocks: one more at the end of the last message leaves the prefix as it was.
    blocks: messages.flatMap(({ role, content }) =>
      typeof content === 'string'
        ? [withoutMarks([role, content])]
        : content.map((block) => withoutMarks([role, block])),
    ),
  }
}

/** Breakpoints move from turn to turn and are no part of what is compared. */
function withoutMarks(value: unknown): string {
  return JSON.stringify(value, (key, part) => (key === 'cache_control' ? undefined : part))
}

/** Tokens of what stands before the first message, by the rule of thumb that the target was made with. */
export function fixedTokens({ tools, system }: MessagesRequest): number {
  return Buffer.byteLength(withoutMarks({ tools, system })) / 4
}

/**
 * Milliseconds a turn takes beside its tests, over the turns after the second: by then everything that is made ready
 * beside the run is there. From the release of turn 2's reply to the arrival of the last request, less what the model
 * thought between them.
 */
export function ownMsPerTurn(seen: readonly SeenRequest[]): number {
  const begin = seen.find(({ request }) => turnOf(request) === 2)
  const end = seen.at(-1)
  if (begin === undefined || end === undefined || begin === end)
    throw new Error('expected a run of three turns or more')
  const turns = turnOf(end.request) - 2
  const between = seen.filter((one) => one !== end && turnOf(one.request) > 2)
  const thoughtMs = between.reduce((sum, { arrivedMs, releasedMs }) => sum + releasedMs - arrivedMs, 0)
  return (end.arrivedMs - begin.releasedMs - thoughtMs - testMsIn(end.request)) / turns
}

/** What the tests said of their own time, in all tool results of a conversation. */
function testMsIn(request: MessagesRequest): number {
  const results = JSON.stringify(request.messages.filter(({ role }) => role === 'user'))
  return [...results.matchAll(/took_ns=(\d+)/g)].reduce((sum, [, ns]) => sum + Number(ns) / 1e6, 0)
}
