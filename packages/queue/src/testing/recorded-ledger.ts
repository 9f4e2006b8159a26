import { readdirSync, readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { z } from 'zod'
import { keyPrefixFor } from '../redis/instance-name.ts'

const pair = z.tuple([z.string(), z.string()])
const recordedKeySchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('string'), value: z.string() }),
  z.object({ type: z.literal('hash'), fields: z.array(pair) }),
  z.object({ type: z.literal('set'), members: z.array(z.string()) }),
  /** Member and score. */
  z.object({ type: z.literal('zset'), members: z.array(pair) }),
  /** Id, and names and values in turn. */
  z.object({ type: z.literal('stream'), entries: z.array(z.tuple([z.string(), z.array(z.string())])) }),
])
type RecordedKey = z.infer<typeof recordedKeySchema>

/** Everything that one instance has in Redis, but for BullMQ's jobs, which are only wake-ups. */
const recordedLedgerSchema = z.object({
  /** What wrote it: a commit of DevBot. */
  commit: z.string(),
  recordedAt: z.iso.datetime(),
  /** By the key without the instance's prefix. */
  keys: z.record(z.string(), recordedKeySchema),
})
export type RecordedLedger = z.infer<typeof recordedLedgerSchema>

const recordings = new URL('../../fixtures/ledgers/', import.meta.url)

/** The ledgers that earlier versions left, recorded by `e2e/src/record-ledger.ts`; each named by its commit. */
export function readRecordedLedgers(): readonly RecordedLedger[] {
  return readdirSync(recordings)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => recordedLedgerSchema.parse(JSON.parse(readFileSync(new URL(name, recordings), 'utf8'))))
}

export async function dumpLedger(redisUrl: string, instance: string): Promise<RecordedLedger['keys']> {
  return withClient(redisUrl, async (client) => {
    const prefix = keyPrefixFor(instance)
    const keys = (await client.keys(`${prefix}*`)).filter((key) => !key.startsWith(`${prefix}queue:`)).sort()
    const entries = keys.map(async (key) => [key.slice(prefix.length), await dumpKey(client, key)] as const)
    return Object.fromEntries(await Promise.all(entries))
  })
}

/** Puts a recorded ledger under another instance's name. */
export async function loadLedger(redisUrl: string, instance: string, { keys }: RecordedLedger): Promise<void> {
  await withClient(redisUrl, async (client) => {
    for (const [key, recorded] of Object.entries(keys)) await loadKey(client, keyPrefixFor(instance) + key, recorded)
  })
}

async function dumpKey(client: Redis, key: string): Promise<RecordedKey> {
  const type = await client.type(key)
  switch (type) {
    case 'string':
      return { type, value: (await client.get(key)) ?? '' }
    case 'hash':
      return { type, fields: Object.entries(await client.hgetall(key)) }
    case 'set':
      return { type, members: (await client.smembers(key)).sort() }
    case 'zset':
      return { type, members: pairsOf(await client.zrange(key, '0', '-1', 'WITHSCORES')) }
    case 'stream':
      return { type, entries: await client.xrange(key, '-', '+') }
    default:
      throw new Error(`the key ${key} is a ${type}, which this recording does not know`)
  }
}

async function loadKey(client: Redis, key: string, recorded: RecordedKey): Promise<void> {
  switch (recorded.type) {
    case 'string':
      await client.set(key, recorded.value)
      return
    case 'hash':
      await client.hset(key, ...recorded.fields.flat())
      return
    case 'set':
      await client.sadd(key, ...recorded.members)
      return
    case 'zset':
      await client.zadd(key, ...recorded.members.flatMap(([member, score]) => [score, member]))
      return
    case 'stream':
      for (const [id, fields] of recorded.entries) await client.xadd(key, id, ...fields)
  }
}

function pairsOf(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = []
  for (let index = 0; index + 1 < flat.length; index += 2) pairs.push([flat[index] ?? '', flat[index + 1] ?? ''])
  return pairs
}

async function withClient<T>(redisUrl: string, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(redisUrl)
  try {
    return await work(client)
  } finally {
    client.disconnect()
  }
}
