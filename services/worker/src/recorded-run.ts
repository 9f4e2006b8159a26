import type { RecordedEntry } from '@devbot/agent'
import type { TurnEntry } from '@devbot/queue'
import { z } from 'zod'

/** What a run begins with, and goes on with after it was cut off: so that every later request begins with the same bytes. */
export const runStartSchema = z.object({
  firstMessage: z.string(),
  /** The run's random mark around text that is not ours. */
  delimiter: z.string().min(1),
  protocol: z.enum(['native', 'text']),
  /** The feedback items of its round: what came since is for the next. */
  items: z.array(z.string()).default([]),
})
export type RunStart = z.infer<typeof runStartSchema>

const blockSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text'), text: z.string() }),
  z.object({
    type: z.literal('thinking'),
    thinking: z.string(),
    signature: z.string(),
    model: z.string().exactOptional(),
  }),
  z.object({ type: z.literal('redacted_thinking'), data: z.string(), model: z.string().exactOptional() }),
  z.object({
    type: z.literal('tool_use'),
    id: z.string(),
    name: z.string(),
    input: z.unknown(),
    inputUnreadable: z.literal(true).exactOptional(),
  }),
])

const replySchema = z.object({
  content: z.array(blockSchema),
  stopReason: z.string(),
  usage: z.object({
    inputTokens: z.number().optional(),
    outputTokens: z.number().optional(),
    cacheReadTokens: z.number().optional(),
    cacheWriteTokens: z.number().optional(),
    requestBytes: z.number(),
    maxOutputTokens: z.number(),
    model: z.string().exactOptional(),
  }),
})
const resultSchema = z.object({
  toolUseId: z.string(),
  isError: z.boolean(),
  text: z.string(),
  detail: z.string().optional(),
  changed: z.array(z.string()).optional(),
})
const notesSchema = z.object({ notes: z.array(z.object({ about: z.string(), text: z.string() })) })
const compactionSchema = z.object({ otherFiles: z.array(z.string()), windowReached: z.boolean() })
const toolStartSchema = z.object({ toolUseId: z.string() })

export type RunOnRecord = { readonly start: RunStart; readonly entries: readonly RecordedEntry[] }

/**
 * A run's entries as the agent goes through them again. Undefined where it cannot: nothing was recorded yet, or an earlier
 * DevBot recorded less than is needed; such a run starts over.
 */
export function recordedRun(turns: readonly TurnEntry[]): RunOnRecord | undefined {
  const [first, ...rest] = turns
  const start = first?.kind === 'start' ? runStartSchema.safeParse(JSON.parse(first.body)).data : undefined
  if (start === undefined) return undefined
  const entries = rest.map(entryOf)
  return entries.includes(undefined) ? undefined : { start, entries: entries.filter((entry) => entry !== undefined) }
}

function entryOf({ kind, turn, body }: TurnEntry): RecordedEntry | undefined {
  const value: unknown = JSON.parse(body)
  switch (kind) {
    case 'reply':
      return withKind(replySchema.safeParse(value).data, { kind, turn })
    case 'tool-result':
      return withKind(resultSchema.safeParse(value).data, { kind, turn })
    case 'notes':
      return withKind(notesSchema.safeParse(value).data, { kind, turn })
    case 'compaction':
      return withKind(compactionSchema.safeParse(value).data, { kind, turn })
    case 'tool-start':
      return withKind(toolStartSchema.safeParse(value).data, { kind, turn })
    case 'start':
      return undefined
  }
}

function withKind<Data extends object, Place>(data: Data | undefined, place: Place): (Data & Place) | undefined {
  return data === undefined ? undefined : { ...data, ...place }
}
