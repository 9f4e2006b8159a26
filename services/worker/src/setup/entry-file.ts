import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { Readable, Transform, type Writable } from 'node:stream'
import { DevBotError } from '@devbot/contracts'

/**
 * One entry is one file: the stream as it came, then a seal of 64 bytes that says its length, its time and its SHA-256. One
 * file is put in place by one rename, so nobody ever sees half of it or the seal of another.
 */
const MAGIC = Buffer.from('devbot-setup-v1\n')
const SEAL_BYTES = MAGIC.length + 8 + 8 + 32
/** Larger pieces than a stream's 64 KiB: an entry of 500 MB is read in half as many seconds. */
const READ_BYTES = 1024 * 1024

export type EntryFacts = { readonly bytes: number; readonly createdAtMs: number }

/** Writes what `write` gives into the empty file, seals and syncs it. Throws `invalid-input`, `setup-too-large`, beyond `maxBytes`. */
export async function writeEntry(
  file: FileHandle,
  write: (sink: Writable) => Promise<void>,
  { maxBytes, atMs }: { readonly maxBytes: number; readonly atMs: number },
): Promise<EntryFacts> {
  const hash = createHash('sha256')
  let bytes = 0
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      if (bytes > maxBytes) return done(tooLarge(maxBytes))
      hash.update(chunk)
      done(null, chunk)
    },
  })
  const stored = file.writeFile(meter)
  const written = write(meter).catch((error: unknown) => {
    meter.destroy(error instanceof Error ? error : new Error('writing the setup failed', { cause: error }))
    throw error
  })
  // Both are over before the file is touched again. What the disk or the limit said comes first: the writer only hears of it.
  const [store, writer] = await Promise.allSettled([stored, written])
  if (writer.status === 'rejected' && writer.reason instanceof DevBotError) throw writer.reason
  if (store.status === 'rejected') throw store.reason
  if (writer.status === 'rejected') throw writer.reason
  await file.write(sealOf({ bytes, createdAtMs: atMs }, hash.digest()), 0, SEAL_BYTES, bytes)
  await file.sync()
  return { bytes, createdAtMs: atMs }
}

/** What the file holds; undefined when it is cut, changed, or no entry. Reads all of it. */
export async function checkEntry(file: FileHandle): Promise<EntryFacts | undefined> {
  const { size } = await file.stat()
  if (size <= SEAL_BYTES) return undefined
  const seal = Buffer.alloc(SEAL_BYTES)
  await file.read(seal, 0, SEAL_BYTES, size - SEAL_BYTES)
  const facts = { bytes: size - SEAL_BYTES, createdAtMs: Number(seal.readBigUInt64BE(MAGIC.length + 8)) }
  const hash = createHash('sha256')
  for await (const piece of pieces(file, facts.bytes)) hash.update(piece)
  return sealOf(facts, hash.digest()).equals(seal) ? facts : undefined
}

/** The stream as it was written. The file stays open. */
export function readEntry(file: FileHandle, { bytes }: Pick<EntryFacts, 'bytes'>): Readable {
  return Readable.from(pieces(file, bytes), { objectMode: false })
}

async function* pieces(file: FileHandle, bytes: number): AsyncGenerator<Buffer> {
  for (let position = 0; position < bytes; ) {
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, bytes - position))
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position)
    // Somebody cut the file in this moment.
    if (bytesRead === 0) throw new Error(`the entry ends after ${position} of ${bytes} bytes`)
    yield buffer.subarray(0, bytesRead)
    position += bytesRead
  }
}

function sealOf({ bytes, createdAtMs }: EntryFacts, digest: Buffer): Buffer {
  const numbers = Buffer.alloc(16)
  numbers.writeBigUInt64BE(BigInt(bytes), 0)
  numbers.writeBigUInt64BE(BigInt(createdAtMs), 8)
  return Buffer.concat([MAGIC, numbers, digest])
}

function tooLarge(maxBytes: number): DevBotError {
  return new DevBotError({
    category: 'invalid-input',
    code: 'setup-too-large',
    message: `what setup made is more than the ${maxBytes} bytes that one entry of the cache may have`,
  })
}
