import { DevBotError } from '@devbot/contracts'
import type { ReadFileResult, ReadOptions, WriteFileResult } from '../sandbox.ts'
import { type CallFrame, channelViolation, escapeWord, MAX_PAYLOAD_BYTES, READ_STEP_BYTES } from './frames.ts'
import type { BeginCall } from './tool-channel.ts'

/** Files move at 500 MB/s; a minute means that nobody answers any more. */
const FILE_CALL_TIMEOUT_MS = 60_000
/** More than any source file; what is larger is made by a command. */
const MAX_WRITE_BYTES = 64 * 1024 * 1024
/** What a failed write may say. */
const MAX_REASON_LENGTH = 500

/** What a file call needs of the channel. */
export type FileChannel = {
  readonly begin: BeginCall
  /** Ends the channel and everything in the sandbox: who does not answer for a minute never will. */
  readonly closeAll: () => Promise<void>
}

/** Reads at most `maxBytes` of a file, from `fromByte` on. */
export async function runReadCall(path: string, options: ReadOptions, channel: FileChannel): Promise<ReadFileResult> {
  if (path.includes('\0')) return { kind: 'missing' }
  const { fromByte = 0, maxBytes } = options
  const skip = Math.floor(fromByte / READ_STEP_BYTES)
  const unwanted = fromByte - skip * READ_STEP_BYTES
  const end = unwanted + maxBytes
  let received = 0
  const pieces: Buffer[] = []
  const call = startFileCall<ReadFileResult>(channel, {
    onData(bytes) {
      // The server sends whole blocks: at most one goes beyond the limit.
      if (received > end) throw channelViolation('more of a file than was asked for')
      const wanted = bytes.subarray(Math.max(0, unwanted - received), Math.max(0, end - received))
      received += bytes.length
      if (wanted.length > 0) pieces.push(wanted)
    },
    onReply(status, text) {
      if (status === 'file') return { kind: 'file', bytes: Buffer.concat(pieces), totalBytes: sizeOf(text) }
      if (status === 'missing' || status === 'directory' || status === 'not-a-file' || status === 'no-permission') {
        return { kind: status }
      }
      throw channelViolation('an unknown answer to a read')
    },
  })
  void call.send(`read ${call.id} ${end} ${skip} ${escapeWord(path)}`)
  return await call.result
}

/** Writes a file: its bytes in blocks, then the word to put them in place. */
export async function runWriteCall(path: string, bytes: Uint8Array, channel: FileChannel): Promise<WriteFileResult> {
  if (path.includes('\0')) return { kind: 'failed', reason: 'the path holds a NUL byte' }
  if (bytes.length > MAX_WRITE_BYTES) {
    return { kind: 'failed', reason: `the content has ${bytes.length} bytes, at most ${MAX_WRITE_BYTES} are taken` }
  }
  const call = startFileCall<WriteFileResult>(channel, {
    onData() {
      throw channelViolation('data for a write')
    },
    onReply(status, text) {
      if (status === 'written') return { kind: 'written' }
      if (status === 'failed') return { kind: 'failed', reason: text.slice(0, MAX_REASON_LENGTH) }
      throw channelViolation('an unknown answer to a write')
    },
  })
  void sendContent(call, path, bytes)
  return await call.result
}

async function sendContent(call: FileCall<unknown>, path: string, bytes: Uint8Array): Promise<void> {
  for (let start = 0; start < bytes.length; start += MAX_PAYLOAD_BYTES) {
    const block = bytes.subarray(start, start + MAX_PAYLOAD_BYTES)
    await call.send(`put ${call.id} ${block.length}`, block)
  }
  await call.send(`write ${call.id} ${escapeWord(path)}`)
}

type FileCall<Result> = {
  readonly id: number
  readonly result: Promise<Result>
  send(line: string, payload?: Uint8Array): Promise<void>
}

type FileCallHandlers<Result> = {
  /** Both may throw `channel-violation`: it closes the channel and fails every call on it. */
  onData(bytes: Buffer): void
  onReply(status: string, text: string): Result
}

function startFileCall<Result>(channel: FileChannel, handlers: FileCallHandlers<Result>): FileCall<Result> {
  const { promise, resolve, reject } = Promise.withResolvers<Result>()
  const context = channel.begin({
    heard(frame: CallFrame) {
      if (frame.kind === 'data') handlers.onData(frame.bytes)
      else if (frame.kind === 'reply') resolve(handlers.onReply(frame.status, frame.bytes.toString('utf8')))
      else throw channelViolation('an answer that fits no file call')
    },
    lost: () => reject(noAnswer('ended before it answered')),
    failed: reject,
  })
  const timer = setTimeout(() => {
    channel.closeAll().then(() => reject(noAnswer('did not answer for a minute')), reject)
  }, FILE_CALL_TIMEOUT_MS)
  const result = promise.finally(() => {
    clearTimeout(timer)
    context.finish()
  })
  return { id: context.id, result, send: context.send }
}

function sizeOf(text: string): number {
  if (!/^[0-9]{1,15}$/.test(text)) throw channelViolation('a file size that is no number')
  return Number(text)
}

function noAnswer(what: string): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'channel-lost',
    message: `The tool channel ${what}; a file of the sandbox could not be read or written. Repeat it in a fresh sandbox.`,
  })
}
