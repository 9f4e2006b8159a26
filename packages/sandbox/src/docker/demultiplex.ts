import { Readable, Writable } from 'node:stream'
import { DevBotError } from '@devbot/contracts'

const HEADER_BYTES = 8
/** The engine's frames hold what one read gave, 32 KiB; a larger one by far is no engine's. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024

export type Demultiplexer = {
  /** Takes the engine's framed stream. It is slowed down while one of the outputs is not read. */
  readonly input: Writable
  readonly stdout: Readable
  readonly stderr: Readable
}

/**
 * Splits the engine's stream of an exec: frames of one byte stream number (1 stdout, 2 stderr, others dropped), three
 * bytes, four bytes length (big-endian) and the bytes. The engine makes the frames, so what runs in the sandbox writes
 * inside them only. Bytes that are no frames fail `input` (`engine-stream-broken`); the outputs then end.
 */
export function createDemultiplexer(): Demultiplexer {
  const stdout = createOutput()
  const stderr = createOutput()
  const header = Buffer.alloc(HEADER_BYTES)
  let headerBytes = 0
  let frameBytesLeft = 0
  let output: Output | undefined

  function readHeader(chunk: Buffer): number {
    const taken = chunk.copy(header, headerBytes, 0, HEADER_BYTES - headerBytes)
    headerBytes += taken
    if (headerBytes < HEADER_BYTES) return taken
    headerBytes = 0
    frameBytesLeft = header.readUInt32BE(4)
    if (header[0] === undefined || header[0] > 3 || frameBytesLeft > MAX_FRAME_BYTES) throw streamBroken()
    output = { 1: stdout, 2: stderr }[header[0]]
    return taken
  }

  /** Passes everything on. Resolves when there is room for more. */
  async function pass(chunk: Buffer): Promise<void> {
    const full = new Set<Output>()
    let position = 0
    while (position < chunk.length) {
      if (frameBytesLeft === 0) {
        position += readHeader(chunk.subarray(position))
        continue
      }
      const piece = chunk.subarray(position, position + frameBytesLeft)
      position += piece.length
      frameBytesLeft -= piece.length
      if (output && !output.push(piece)) full.add(output)
    }
    await Promise.all([...full].map((one) => one.drained()))
  }

  function end(): void {
    stdout.end()
    stderr.end()
  }

  const input = new Writable({
    write(chunk: Buffer, _encoding, done) {
      pass(chunk).then(() => done(), done)
    },
    final(done) {
      end()
      done()
    },
    destroy(error, done) {
      end()
      done(error)
    },
  })
  return { input, stdout: stdout.stream, stderr: stderr.stream }
}

/** What both outputs wrote, in order, of a stream that came whole. What is no frame ends it. */
export function withoutFrames(framed: Buffer): Buffer {
  const pieces: Buffer[] = []
  for (let position = 0; position + HEADER_BYTES <= framed.length; ) {
    const bytes = framed.readUInt32BE(position + 4)
    position += HEADER_BYTES
    pieces.push(framed.subarray(position, position + bytes))
    position += bytes
  }
  return Buffer.concat(pieces)
}

type Output = ReturnType<typeof createOutput>

function createOutput() {
  let waiting: (() => void) | undefined
  let ended = false
  const release = () => {
    waiting?.()
    waiting = undefined
  }
  const stream = new Readable({
    read: release,
    destroy(error, done) {
      release()
      done(error)
    },
  })
  return {
    stream,
    /** False when it is full. What nobody reads any more is thrown away. */
    push: (piece: Buffer) => stream.destroyed || ended || stream.push(piece),
    drained() {
      const { promise, resolve } = Promise.withResolvers<void>()
      if (stream.destroyed) resolve()
      else waiting = resolve
      return promise
    },
    end() {
      if (ended) return
      ended = true
      release()
      if (!stream.destroyed) stream.push(null)
    },
  }
}

function streamBroken(): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'engine-stream-broken',
    message: 'The stream of a process came in no form that an engine gives it; is something else behind DOCKER_HOST?',
  })
}
