import { DevBotError } from '@devbot/contracts'
import { z } from 'zod'
import type { Ownership, TurnEntry } from './ledger.ts'
import { checkedRunId, turnsKey } from './ledger-keys.ts'
import type { ScriptRunner } from './redis/script-runner.ts'
import { readOwned, readReply } from './script-reply.ts'
import type { TurnBodies } from './turn-bodies.ts'

/** Larger bodies go to the body store, so that Redis' memory holds many tasks (DESIGN.md section 9). */
const MAX_INLINE_BYTES = 64 * 1024
/** Entries per round trip: at most 13 MiB of inline bodies. */
const PAGE = 200

/** Appends one entry; a large body is on disk before the entry that names it. */
export async function appendTurn(
  scripts: ScriptRunner,
  bodies: TurnBodies,
  { taskId, epoch, owner }: Ownership,
  runId: string,
  entry: TurnEntry,
): Promise<void> {
  checkedRunId(runId)
  const isLarge = Buffer.byteLength(entry.body) > MAX_INLINE_BYTES
  const body = isLarge ? ['file', await bodies.write(runId, entry.body)] : ['body', entry.body]
  const reply = await scripts.run('append-turn', taskId, epoch, owner, runId, entry.kind, entry.turn, ...body)
  readOwned(reply, taskId)
}

const streamSchema = z.array(z.tuple([z.string(), z.array(z.string())]))
const entrySchema = z.object({
  kind: z.enum(['start', 'reply', 'tool-start', 'tool-result', 'notes', 'compaction']),
  turn: z.coerce.number().int(),
  body: z.string().optional(),
  file: z.string().optional(),
})

/** All entries of a run, oldest first. */
export async function readTurns(scripts: ScriptRunner, bodies: TurnBodies, runId: string): Promise<TurnEntry[]> {
  const key = scripts.keyPrefix + turnsKey(runId)
  const entries: TurnEntry[] = []
  for (let after = '-'; ; ) {
    const reply = await scripts.read((client) => client.xrange(key, after, '+', 'COUNT', PAGE))
    const page = readReply(streamSchema, reply)
    for (const [id, fields] of page) {
      entries.push(await readEntry(bodies, runId, `${turnsKey(runId)} ${id}`, fields))
      after = `(${id}`
    }
    if (page.length < PAGE) return entries
  }
}

async function readEntry(bodies: TurnBodies, runId: string, key: string, fields: string[]): Promise<TurnEntry> {
  const parsed = entrySchema.safeParse(fieldsToObject(fields))
  const { kind, turn, body, file } = parsed.data ?? {}
  if (kind === undefined || turn === undefined || (body === undefined && file === undefined)) {
    throw new DevBotError({
      category: 'bug',
      code: 'ledger-corrupt',
      message: `the ledger's record ${key} is not a turn entry`,
      cause: parsed.error,
    })
  }
  return { kind, turn, body: body ?? (await bodies.read(runId, file ?? '')) }
}

/** Streams and hashes come as name, value, name, value... */
export function fieldsToObject(fields: readonly string[]): Record<string, string> {
  const object: Record<string, string> = {}
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const [name, value] = fields.slice(index, index + 2)
    if (name !== undefined && value !== undefined) object[name] = value
  }
  return object
}
