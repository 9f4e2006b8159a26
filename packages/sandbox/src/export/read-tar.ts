import { Writable } from 'node:stream'
import { DevBotError } from '@devbot/contracts'
import { type Extract, extract, type Header } from 'tar-stream'
import type { SandboxEngine } from '../engine.ts'
import { type TransferInput, transfer } from '../run-process.ts'

export type TarEntry = {
  /** One character per byte, without a leading `./`. */
  readonly key: string
  readonly kind: 'file' | 'link' | 'directory' | 'other'
  readonly executable: boolean
  readonly size: number
  /** One character per byte; of links only. */
  readonly target: string
  readonly body: AsyncIterable<Buffer>
}

/**
 * Reads the archive that a program of the sandbox writes to its stdout. `visit` is called entry by entry and awaited; what
 * it leaves of a body is skipped. Nothing is written anywhere. Answer and errors as those of `transfer`; what `visit` throws
 * comes through.
 */
export async function readTar(
  engine: SandboxEngine,
  input: Omit<TransferInput, 'stdout'>,
  visit: (entry: TarEntry) => Promise<void>,
): Promise<number> {
  // tar-stream's own types leave this option out; without it names that are no UTF-8 would be changed.
  const options: object = { filenameEncoding: 'latin1' }
  const tar = extract(options)
  let lastVisit = Promise.resolve()
  tar.on('entry', (header, body, next) => {
    lastVisit = visit(tarEntry(header, body as unknown as AsyncIterable<Buffer>)).then(() => {
      body.resume()
      next()
    })
    lastVisit.catch(next)
  })
  try {
    const exitCode = await transfer(engine, { ...input, stdout: writableInto(tar) })
    await lastVisit
    return exitCode
  } catch (error) {
    if (error instanceof DevBotError) throw error
    throw new DevBotError({
      category: 'sandbox',
      code: 'sandbox-transfer-failed',
      message: `While ${input.what} in the sandbox: what came is no tar archive`,
      cause: error,
    })
  }
}

/** The parser as a stream of Node's own kind, so that back-pressure and errors go the usual way. */
function writableInto(tar: Extract): Writable {
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (tar.write(chunk)) done()
      else tar.once('drain', () => done())
    },
    final(done) {
      tar.once('finish', () => done())
      tar.end(undefined)
    },
    destroy(error, done) {
      tar.destroy(error)
      done(error)
    },
  })
  tar.on('error', (error) => sink.destroy(error))
  return sink
}

/** The whole body. Stops with an error of `tooMuch` beyond `maxBytes`, whatever the header said. */
export async function bodyBytes(entry: TarEntry, maxBytes: number, tooMuch: () => DevBotError): Promise<Uint8Array> {
  const pieces: Buffer[] = []
  let held = 0
  for await (const piece of entry.body) {
    held += piece.length
    if (held > maxBytes) throw tooMuch()
    pieces.push(piece)
  }
  return Uint8Array.from(Buffer.concat(pieces))
}

function tarEntry(header: Header, body: AsyncIterable<Buffer>): TarEntry {
  return {
    key: header.name.replace(/^\.\//, ''),
    kind: kindOf(header.type),
    executable: (header.mode & 0o100) !== 0,
    size: header.size,
    target: header.linkname ?? '',
    body,
  }
}

function kindOf(type: Header['type']): TarEntry['kind'] {
  if (type === 'file' || type === 'contiguous-file') return 'file'
  if (type === 'symlink') return 'link'
  return type === 'directory' ? 'directory' : 'other'
}
