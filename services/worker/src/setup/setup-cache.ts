import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { type CacheFile, chooseEvicted, UNFINISHED } from './choose-evicted.ts'
import { checkEntry, readEntry, writeEntry } from './entry-file.ts'
import { createTurns } from './take-turns.ts'

/** Entries are served for a week: where nothing pins versions, or a registry withdraws one, setup has to run anew some time. */
const MAX_AGE_MS = 7 * 24 * 3_600_000
/** One repository's entry leaves room for others. */
const ENTRY_SHARE = 4

/** What setup commands made, as opaque streams by key. Safe for several runs, and several workers, on one folder. */
export type SetupCache = {
  readonly maxEntryBytes: number
  /** The entry, checked from end to end; undefined when there is none, or it was broken or old and is now removed. */
  readonly open: (key: string) => Promise<CachedSetup | undefined>
  /** Keeps what `write` writes; nothing is kept when it fails. Throws `invalid-input`, `setup-too-large`. */
  readonly store: (key: string, write: (sink: Writable) => Promise<void>) => Promise<{ readonly bytes: number }>
  readonly forget: (key: string) => Promise<void>
  /** One after the other in this worker, so that two runs which need the same entry make it once. Throws the signal's reason. */
  readonly alone: <T>(key: string, signal: AbortSignal, work: () => Promise<T>) => Promise<T>
}

/** An open entry. Removing or replacing its file meanwhile does not change what it reads. */
export type CachedSetup = AsyncDisposable & { readonly bytes: number; readonly read: () => Readable }

/** Opens the cache in a folder of its own, which is made when missing. What goes wrong with the folder is a miss, and told. */
export function createSetupCache(options: {
  readonly directory: string
  readonly maxBytes: number
  readonly now: () => number
  readonly onError: (error: unknown) => void
}): SetupCache {
  const { directory, now, onError } = options
  const pathOf = (key: string) => join(directory, `${key}.setup`)
  const maxEntryBytes = Math.floor(options.maxBytes / ENTRY_SHARE)

  const forget = (key: string) => rm(pathOf(key), { force: true })

  const read = async (key: string, file: FileHandle): Promise<CachedSetup | undefined> => {
    const facts = await checkEntry(file)
    if (facts === undefined || facts.createdAtMs < now() - MAX_AGE_MS) {
      await file.close()
      // When another worker has just put a good one here, that is lost too: a miss, and nothing worse.
      await forget(key)
      return undefined
    }
    // The time of use; a file that was evicted in this moment is still open here.
    await utimes(pathOf(key), now() / 1000, now() / 1000).catch(onlyMissing)
    const streams: Readable[] = []
    return {
      bytes: facts.bytes,
      read: () => {
        // Whoever reads it gets the error as well; one that nobody waits for any more must not end the process.
        const stream = readEntry(file, facts).on('error', () => undefined)
        streams.push(stream)
        return stream
      },
      [Symbol.asyncDispose]: async () => {
        for (const stream of streams) stream.destroy()
        await file.close()
      },
    }
  }

  const evict = async () => {
    for (const { name } of chooseEvicted(await listFiles(directory), { maxBytes: options.maxBytes, nowMs: now() })) {
      await rm(join(directory, name), { force: true })
    }
  }

  return {
    maxEntryBytes,
    forget,
    alone: createTurns(),
    open: async (key) => {
      try {
        const file = await open(pathOf(key), 'r').catch(onlyMissing)
        return file === undefined ? undefined : await read(key, file)
      } catch (error) {
        onError(error)
        return undefined
      }
    },
    store: async (key, write) => {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      const unfinished = `${pathOf(key)}.${randomUUID()}${UNFINISHED}`
      try {
        const file = await open(unfinished, 'wx', 0o600)
        const closed = writeEntry(file, write, { maxBytes: maxEntryBytes, atMs: now() }).finally(() => file.close())
        const { bytes } = await closed
        await rename(unfinished, pathOf(key))
        await evict().catch(onError)
        return { bytes }
      } catch (error) {
        await rm(unfinished, { force: true })
        throw error
      }
    },
  }
}

async function listFiles(directory: string): Promise<readonly CacheFile[]> {
  const names = await readdir(directory)
  const files = await Promise.all(
    names.map(async (name) => {
      // Another worker may have removed it meanwhile.
      const found = await stat(join(directory, name)).catch(onlyMissing)
      return found === undefined ? [] : [{ name, bytes: found.size, usedAtMs: found.mtimeMs }]
    }),
  )
  return files.flat()
}

function onlyMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined
  throw error
}
