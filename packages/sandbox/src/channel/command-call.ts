import { randomBytes } from 'node:crypto'
import type { ExecOptions, ExecResult } from '@devbot/contracts'
import { createHeadAndTail } from '../head-and-tail.ts'
import { type CallFrame, escapeWord } from './frames.ts'
import { createKillSequence } from './kill-sequence.ts'
import type { BeginCall } from './tool-channel.ts'
import { createTrailerScanner } from './trailer.ts'

/** The server reads a request byte by byte (0.3 us each); a longer script belongs into a file. */
const MAX_COMMAND_BYTES = 256 * 1024
/** What a shell answers for something that it cannot run. */
const CANNOT_RUN_EXIT_CODE = 126
const LOST_NOTICE =
  '\n[devbot: the shell ended before it could report an exit code; the next command gets a fresh one in the last working directory]\n'

type CommandCallInput = {
  readonly command: string
  readonly options: ExecOptions
  readonly begin: BeginCall
  /** Ends the channel and everything in the sandbox. */
  readonly closeAll: () => Promise<void>
}

/** Runs one command on the channel. Rejects only when the sandbox itself is broken. */
export function runCommandCall({ command, options, begin, closeAll }: CommandCallInput): Promise<ExecResult> {
  const refusal = refusalOf(command)
  if (refusal) return Promise.resolve(refusedResult(refusal))
  if (options.signal?.aborted) return Promise.resolve({ ...NOTHING_RAN, aborted: true })

  const startedAt = performance.now()
  const kept = createHeadAndTail(options.maxOutputBytes)
  const nonce = randomBytes(16).toString('hex')
  const trailer = createTrailerScanner(nonce)
  const { promise, resolve, reject } = Promise.withResolvers<ExecResult>()
  let stopReason: 'timed-out' | 'aborted' | undefined
  let shellEnded = false

  const kill = createKillSequence({
    send: (signal) => void context.send(`kill ${context.id} ${signal}`),
    done: () => settle(),
    escalate: () => closeAll().then(() => settle(), fail),
  })
  const context = begin({ heard, lost, failed: fail })
  const timer = setTimeout(() => stop('timed-out'), options.timeoutMs)
  const onAbort = () => stop('aborted')
  options.signal?.addEventListener('abort', onAbort, { once: true })
  void context.send(`exec ${context.id} ${nonce} ${escapeWord(command)}`)
  return promise

  function stop(reason: 'timed-out' | 'aborted'): void {
    stopReason ??= reason
    kill.start()
  }

  function heard(frame: CallFrame): void {
    if (frame.kind === 'killed' && frame.signal === 'KILL') kill.killed()
    if (frame.kind === 'eof' && !shellEnded) ended(undefined)
    if (frame.kind !== 'data' || shellEnded) return
    const { output, exitCode } = trailer.push(frame.bytes)
    kept.push(output)
    if (exitCode !== undefined) ended(exitCode)
  }

  function ended(exitCode: number | undefined): void {
    shellEnded = true
    if (kill.started) {
      kill.shellEnded()
    } else {
      if (exitCode === undefined) noteLoss()
      settle(exitCode)
    }
  }

  function lost(): void {
    // Nobody is left who could end what the command started; a call that had to be stopped must not leave it running.
    if (kill.started) {
      void closeAll().then(() => settle(), fail)
    } else {
      noteLoss()
      settle()
    }
  }

  function noteLoss(): void {
    kept.push(trailer.rest())
    kept.push(Buffer.from(LOST_NOTICE))
  }

  function settle(exitCode?: number): void {
    release()
    resolve({
      ...(exitCode === undefined ? {} : { exitCode }),
      timedOut: stopReason === 'timed-out',
      aborted: stopReason === 'aborted',
      durationMs: Math.round(performance.now() - startedAt),
      output: kept.kept(),
      totalOutputBytes: kept.totalBytes,
    })
  }

  function fail(error: unknown): void {
    release()
    reject(error)
  }

  function release(): void {
    context.finish()
    clearTimeout(timer)
    kill.cancel()
    options.signal?.removeEventListener('abort', onAbort)
  }
}

const NOTHING_RAN: ExecResult = {
  timedOut: false,
  aborted: false,
  durationMs: 0,
  output: new Uint8Array(),
  totalOutputBytes: 0,
}

function refusalOf(command: string): string | undefined {
  if (command.includes('\0')) return 'devbot: the command holds a NUL byte, which no shell can take\n'
  const bytes = Buffer.byteLength(command)
  if (bytes <= MAX_COMMAND_BYTES) return undefined
  return `devbot: the command has ${bytes} bytes, at most ${MAX_COMMAND_BYTES} are taken; write it to a file and run that\n`
}

function refusedResult(reason: string): ExecResult {
  const output = Buffer.from(reason)
  return { ...NOTHING_RAN, exitCode: CANNOT_RUN_EXIT_CODE, output, totalOutputBytes: output.length }
}
