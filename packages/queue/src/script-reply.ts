import { DevBotError, type TaskId } from '@devbot/contracts'
import { z } from 'zod'

/** Scripts answer with text and whole numbers; both are read as text. */
export const replyText = z.union([z.string(), z.number()]).transform(String)
const replyTexts = z.array(replyText)

/** Reads a script's answer by a schema; anything else is a script that does not fit this code. */
export function readReply<T>(schema: z.ZodType<T>, reply: unknown): T {
  const parsed = schema.safeParse(reply)
  if (parsed.success) return parsed.data
  throw unexpectedReply(parsed.error)
}

/** The first word of an answer, which says its kind, and the rest. */
export function readKind(reply: unknown): { readonly kind: string; readonly rest: readonly string[] } {
  const [kind, ...rest] = readReply(replyTexts, reply)
  if (kind === undefined) throw unexpectedReply(reply)
  return { kind, rest }
}

/** Answer of a script that only an owner may run: everything but `lost`. Throws category `conflict`, `ownership-lost`. */
export function readOwned(reply: unknown, taskId: TaskId): { readonly kind: string; readonly rest: readonly string[] } {
  const answer = readKind(reply)
  if (answer.kind !== 'lost') return answer
  throw new DevBotError({
    category: 'conflict',
    code: 'ownership-lost',
    message: `somebody else has taken task ${taskId}, or it was given back: stop without another effect`,
    details: { taskId },
  })
}

export function unexpectedReply(cause: unknown): DevBotError {
  return new DevBotError({
    category: 'bug',
    code: 'script-reply',
    message: 'a ledger script answered in a shape that this code does not know',
    cause,
  })
}
