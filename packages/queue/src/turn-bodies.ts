import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { DevBotError, type ErrorCode } from '@devbot/contracts'
import { checkedRunId } from './ledger-keys.ts'

/** Twice the largest request that the Messages API takes (32 MB); a larger body is a mistake. */
const MAX_BODY_BYTES = 64 * 1024 * 1024

/** Large bodies of turns: one compressed file each, named by the content's hash, in one folder per run. */
export type TurnBodies = {
  /** Resolves with the SHA-256 of the body once file and folder are synced to disk. May be repeated. */
  write(runId: string, body: string): Promise<string>
  /** Throws category `bug` when the file is missing (`turn-body-missing`) or changed (`turn-body-corrupt`). */
  read(runId: string, hash: string): Promise<string>
  /** Removes all bodies of a run. */
  remove(runId: string): Promise<void>
}

/** `directory` absent: this process neither writes nor reads large bodies, and says so when it has to. */
export function createTurnBodies(directory: string | undefined): TurnBodies {
  const runFolder = (runId: string) => join(checkedDirectory(directory), checkedRunId(runId))
  return {
    write: (runId, body) => writeBody(runFolder(runId), body),
    read: (runId, hash) => readBody(runFolder(runId), hash),
    remove: async (runId) => {
      if (directory !== undefined) await rm(runFolder(runId), { recursive: true, force: true })
    },
  }
}

async function writeBody(folder: string, body: string): Promise<string> {
  const bytes = Buffer.from(body)
  if (bytes.length > MAX_BODY_BYTES) throw problem('turn-body-too-large', `${bytes.length} bytes`, undefined)
  const hash = hashOf(bytes)
  const compressed = await promisify(gzip)(bytes)
  try {
    await mkdir(folder, { recursive: true })
    await writeSynced(folder, `${hash}.gz`, compressed)
    await syncFolder(join(folder, '..'))
  } catch (error) {
    throw new DevBotError({
      category: 'transient',
      code: 'turn-body-not-written',
      message: `could not store a turn's body in ${folder}: free some space there, or allow DevBot to write`,
      cause: error,
    })
  }
  return hash
}

/** Under its name there is either nothing or all of it: written aside, synced, renamed, folder synced. */
async function writeSynced(folder: string, name: string, content: Uint8Array): Promise<void> {
  const temporary = join(folder, `.${name}.${randomUUID()}`)
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, join(folder, name))
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(folder)
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function readBody(folder: string, hash: string): Promise<string> {
  const path = join(folder, `${checkedHash(hash)}.gz`)
  const compressed = await readFile(path).catch((error: unknown) => {
    throw problem('turn-body-missing', `${path} cannot be read`, error)
  })
  const bytes = await promisify(gunzip)(compressed, { maxOutputLength: MAX_BODY_BYTES }).catch((error: unknown) => {
    throw problem('turn-body-corrupt', `${path} is not a whole gzip file`, error)
  })
  if (hashOf(bytes) !== hash) throw problem('turn-body-corrupt', `${path} does not hold what its name says`, undefined)
  return bytes.toString()
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function checkedHash(hash: string): string {
  if (/^[0-9a-f]{64}$/.test(hash)) return hash
  throw problem('turn-body-corrupt', `${JSON.stringify(hash.slice(0, 80))} is not the hash of a body`, undefined)
}

function checkedDirectory(directory: string | undefined): string {
  if (directory !== undefined) return directory
  throw new DevBotError({
    category: 'config',
    code: 'turn-bodies-unconfigured',
    message: "expected the folder of the turns' bodies (bodyDirectory) in this process, it was started without one",
  })
}

function problem(code: ErrorCode, what: string, cause: unknown): DevBotError {
  return new DevBotError({ category: 'bug', code, message: `the body of a turn: ${what}`, cause })
}
