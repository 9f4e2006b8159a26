/**
 * The protocol of the tool channel. Requests are one line each, `put` followed by raw bytes:
 *
 *     prepare    exec ID KEEP COMMAND    apart ID COMMAND    job ID COMMAND
 *     mark ID NONCE    trim ID BYTES     kill ID TERM|KILL   forget ID
 *     read ID MAX SKIP PATH              put ID LENGTH\n…    write ID PATH
 *
 * COMMAND and PATH are escaped (`escapeWord`). Frames come back as one line each, `data` and `reply` followed by raw bytes:
 *
 *     ready 1    missing TOOL…    data ID LENGTH\n…    skipped ID BYTES    exit ID CODE    eof ID
 *     reply ID STATUS LENGTH\n…    killed ID TERM|KILL
 *
 * `prepare` starts a shell for the next command ahead of time. `exit` tells that a command's shell has ended, `eof` that
 * nothing holds its output open any more. Where `eof` does not follow, `mark` puts a nonce into the output: what the
 * command wrote lies before it. Of an output above KEEP bytes (0: never) only the beginning and the end come, the rest is
 * `skipped`; the whole lies in `keptOutputPath`, up to a bound, once `trim` has cut off the nonce. A `job` sends nothing
 * but its `exit`: its output is in `jobOutputPath`. `read` begins at the SKIPth block of 64 KiB.
 */
import { DevBotError } from '@devbot/contracts'

export type Frame =
  | { readonly kind: 'ready' }
  | { readonly kind: 'missing'; readonly tools: readonly string[] }
  | { readonly kind: 'data'; readonly id: number; readonly bytes: Buffer }
  | { readonly kind: 'skipped'; readonly id: number; readonly count: number }
  | { readonly kind: 'exit'; readonly id: number; readonly code: number }
  | { readonly kind: 'eof'; readonly id: number }
  | { readonly kind: 'reply'; readonly id: number; readonly status: string; readonly bytes: Buffer }
  | { readonly kind: 'killed'; readonly id: number; readonly signal: 'TERM' | 'KILL' }

/** A frame that belongs to a call. */
export type CallFrame = Extract<Frame, { readonly id: number }>

/** Longest header line: `missing` with all tools fits, nothing longer is ever sent. */
const MAX_HEADER_BYTES = 256
/** Longest payload: the block size in which the server reads files. */
export const MAX_PAYLOAD_BYTES = 1024 * 1024
/** In which places of a file a `read` can begin. */
export const READ_STEP_BYTES = 64 * 1024
/** Added to the id of a call in the name of its output, so that names sort by age. */
const OUTPUT_NAME_BASE = 1_000_000
const NEWLINE = 10

const ID = '([1-9][0-9]{0,9})'
const LENGTH = '(0|[1-9][0-9]{0,6})'
const HEADERS = {
  data: new RegExp(`^data ${ID} ${LENGTH}$`),
  reply: new RegExp(`^reply ${ID} ([a-z-]{1,20}) ${LENGTH}$`),
  skipped: new RegExp(`^skipped ${ID} (0|[1-9][0-9]{0,14})$`),
  exit: new RegExp(`^exit ${ID} (0|[1-9][0-9]{0,2})$`),
  eof: new RegExp(`^eof ${ID}$`),
  killed: new RegExp(`^killed ${ID} (TERM|KILL)$`),
  missing: /^missing((?: [a-z]{1,20}){1,20})$/,
}

/** Cuts a byte stream into frames. */
export type FrameReader = {
  /** The frames that are complete now. Throws DevBotError `channel-violation` on the first impossible byte. */
  push(chunk: Uint8Array): readonly Frame[]
}

type Header = { readonly length: number; readonly build: (bytes: Buffer) => Frame }

/** A reader that holds at most one header and one payload, whatever comes in and in however small pieces. */
export function createFrameReader(): FrameReader {
  let line = ''
  let open: { readonly build: Header['build']; readonly payload: Buffer; filled: number } | undefined
  return {
    push(chunk) {
      const frames: Frame[] = []
      let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
      while (rest.length > 0) {
        if (open) {
          const taken = rest.copy(open.payload, open.filled)
          open.filled += taken
          rest = rest.subarray(taken)
        } else {
          const end = rest.indexOf(NEWLINE)
          const taken = end < 0 ? rest.length : end + 1
          if (line.length + taken > MAX_HEADER_BYTES) throw channelViolation('a header line without an end')
          line += rest.toString('latin1', 0, end < 0 ? taken : end)
          rest = rest.subarray(taken)
          if (end < 0) break
          const { length, build } = parseHeader(line)
          // A payload of its own: the chunk it comes in may be large and shared.
          open = { build, payload: Buffer.alloc(length), filled: 0 }
          line = ''
        }
        if (open.filled < open.payload.length) continue
        frames.push(open.build(open.payload))
        open = undefined
      }
      return frames
    },
  }
}

function parseHeader(line: string): Header {
  if (line === 'ready 1') return { length: 0, build: () => ({ kind: 'ready' }) }
  const data = HEADERS.data.exec(line)
  if (data) {
    const id = Number(data[1])
    return { length: payloadLength(data[2]), build: (bytes) => ({ kind: 'data', id, bytes }) }
  }
  const reply = HEADERS.reply.exec(line)
  if (reply) {
    const [id, status] = [Number(reply[1]), String(reply[2])]
    return { length: payloadLength(reply[3]), build: (bytes) => ({ kind: 'reply', id, status, bytes }) }
  }
  const exit = HEADERS.exit.exec(line)
  if (exit) return { length: 0, build: () => ({ kind: 'exit', id: Number(exit[1]), code: Number(exit[2]) }) }
  const eof = HEADERS.eof.exec(line)
  if (eof) return { length: 0, build: () => ({ kind: 'eof', id: Number(eof[1]) }) }
  const skipped = HEADERS.skipped.exec(line)
  if (skipped) {
    const [id, count] = [Number(skipped[1]), Number(skipped[2])]
    return { length: 0, build: () => ({ kind: 'skipped', id, count }) }
  }
  const killed = HEADERS.killed.exec(line)
  if (killed) {
    const signal = killed[2] === 'KILL' ? 'KILL' : 'TERM'
    return { length: 0, build: () => ({ kind: 'killed', id: Number(killed[1]), signal }) }
  }
  const missing = HEADERS.missing.exec(line)
  if (missing) {
    const tools = String(missing[1]).trim().split(' ')
    return { length: 0, build: () => ({ kind: 'missing', tools }) }
  }
  throw channelViolation('an unknown frame')
}

function payloadLength(text: string | undefined): number {
  const length = Number(text)
  if (length > MAX_PAYLOAD_BYTES) throw channelViolation(`a payload of ${length} bytes`)
  return length
}

/** The error for bytes that the channel's own server never sends. */
export function channelViolation(what: string, cause?: unknown): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'channel-violation',
    message: `The tool channel sent ${what}. Something in the sandbox writes into it; the sandbox is given up.`,
    cause,
  })
}

/** A word of a request: safe ASCII as it is, every other byte as `\0NNN`, which the shell's `printf %b` turns back. No NUL. */
export function escapeWord(text: string): string {
  return escapeBytes(Buffer.from(text, 'utf8'))
}

/** The same for bytes that need not be text. */
export function escapeBytes(bytes: Uint8Array): string {
  let escaped = ''
  for (const byte of bytes) {
    const plain = byte > 0x20 && byte < 0x7f && byte !== 0x5c
    escaped += plain ? String.fromCharCode(byte) : `\\0${byte.toString(8).padStart(3, '0')}`
  }
  return escaped
}

/** Where the server keeps the whole output of a command. */
export function keptOutputPath(scratch: string, id: number): string {
  return `${scratch}/output/${OUTPUT_NAME_BASE + id}`
}

/** Where the output of a job is. */
export function jobOutputPath(scratch: string, id: number): string {
  return `${scratch}/job/${OUTPUT_NAME_BASE + id}`
}
