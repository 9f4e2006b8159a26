import { DevBotError, type Task, taskSchema } from '@devbot/contracts'
import { z } from 'zod'

/**
 * Version of the ledger as a whole: the newest this DevBot can read, and what it marks a ledger with at a start. To be
 * raised when an older DevBot could not read what is written now (a new kind of inbox item, event or turn entry) or would
 * misread it; a field with a default needs no new one.
 *
 * 1: the first. 2: runs that are gone on with, cancel, retry, pause, adoption.
 */
export const LEDGER_VERSION = 2

/**
 * Reads one record. Throws category `config` (`ledger-newer`) when a newer DevBot wrote it, category `bug`
 * (`ledger-corrupt`) when it is not what its schema says; both name the key.
 */
export function readRecord<T>(schema: z.ZodType<T>, text: string, key: string): T {
  const value = parseJson(text, key)
  checkVersion(value, key)
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw corrupt(key, z.prettifyError(parsed.error), parsed.error)
}

/** Encodes one record; what does not fit its schema is a bug of the caller and never reaches the ledger. */
export function writeRecord<T>(schema: z.ZodType<T>, value: T, what: string): string {
  const parsed = schema.safeParse(value)
  if (parsed.success) return JSON.stringify(parsed.data)
  throw new DevBotError({
    category: 'bug',
    code: 'ledger-record-invalid',
    message: `refused to write ${what}: ${z.prettifyError(parsed.error).slice(0, 1000)}`,
    cause: parsed.error,
  })
}

/** The time of the last write is kept beside the record, because only the script that writes knows it. */
export function readTask(text: string, updatedAtMs: string, key: string): Task {
  const task = readRecord(taskSchema, text, key)
  return { ...task, updatedAtMs: Number(updatedAtMs) }
}

function parseJson(text: string, key: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw corrupt(key, 'it is not JSON', error)
  }
}

const versionedSchema = z.object({ version: z.number() })
/** Feedback travels inside an inbox item or row, with the version of its own. */
const versionedItemSchema = z.object({ item: versionedSchema })

function checkVersion(value: unknown, key: string): void {
  const own = versionedSchema.safeParse(value)
  const inner = versionedItemSchema.safeParse(value)
  const version = own.data?.version ?? inner.data?.item.version
  if (version === undefined || version <= LEDGER_VERSION) return
  throw new DevBotError({
    category: 'config',
    code: 'ledger-newer',
    message:
      `${key} has version ${version}, this DevBot reads up to ${LEDGER_VERSION}: a newer DevBot wrote it. ` +
      'Start that version again, or use another DEVBOT_INSTANCE',
    details: { key, version },
  })
}

function corrupt(key: string, problem: string, cause: unknown): DevBotError {
  return new DevBotError({
    category: 'bug',
    code: 'ledger-corrupt',
    message: `the ledger's record ${key} cannot be read: ${problem.slice(0, 1000)}`,
    cause,
    details: { key },
  })
}
