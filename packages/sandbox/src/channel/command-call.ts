import { randomBytes } from 'node:crypto'
import type { ExecResult, ShellOptions } from '@devbot/contracts'
import { createHeadAndTail } from '../head-and-tail.ts'
import { type CallFrame, channelViolation, escapeWord, keptOutputPath } from './frames.ts'
import { createKillSequence } from './kill-sequence.ts'
import { createMarkScanner } from './mark-scanner.ts'
import type { BeginCall } from './tool-channel.ts'

/** The server reads a request byte by byte (0.3 us each); a longer script belongs into a file. */
const MAX_COMMAND_BYTES = 256 * 1024
/** What a shell answers for something that it cannot run. */
const CANNOT_RUN_EXIT_CODE = 126
/** How long the exit code may come after the end of the output: two processes tell them, on a machine that may be busy. */
const EXIT_AFTER_EOF_MS = 3_000
/** A command that runs longer is no quick one: meanwhile the next one's shell can start. */
const PREPARE_AFTER_MS = 20
/** How long the end of output may come after the end of the command before it is asked for: longer than one `cat` takes. */
const EOF_AFTER_EXIT_MS = 30
/** For the answer to that, on a busy machine; then the call ends with the output that came. */
const MARK_ANSWER_MS = 3_000
/** The first block of an output always comes: what is shown of its beginning must lie in there. */
const MAX_KEEPING_BYTES = 64 * 1024
const LOST_NOTICE =
  '\n[devbot: the shell ended before it could report an exit code; the next command gets a fresh one in the last working directory]\n'

type CommandCallInput = {
  readonly command: string
  readonly options: ShellOptions
  readonly begin: BeginCall
  readonly scratch: string
  /** Ends the channel and everything in the sandbox. */
  readonly closeAll: () => Promise<void>
}

/** Runs one command on the channel. Rejects only when the sandbox itself is broken. */
export function runCommandCall({ command, options, begin, scratch, closeAll }: CommandCallInput): Promise<ExecResult> {
  const refusal = refusalOf(command)
  if (refusal) return Promise.resolve(refusedResult(refusal))
  if (options.signal?.aborted) return Promise.resolve({ ...NOTHING_RAN, aborted: true })

  const startedAt = performance.now()
  const keepAbove = options.keepOutput ? Math.min(options.maxOutputBytes, MAX_KEEPING_BYTES) : 0
  const kept = createHeadAndTail(options.maxOutputBytes)
  const nonce = randomBytes(16).toString('hex')
  const mark = createMarkScanner(nonce)
  const { promise, resolve, reject } = Promise.withResolvers<ExecResult>()
  const timers = new Set<NodeJS.Timeout>()
  let stopReason: 'timed-out' | 'aborted' | undefined
  let exitCode: number | undefined
  let outputEnded = false
  let killEnded = false
  let settled = false

  const kill = createKillSequence({
    send: (signal) => void context.send(`kill ${context.id} ${signal}`),
    done: killDone,
    escalate: () => closeAll().then(settle, fail),
  })
  const context = begin({ heard, lost, failed: fail })
  after(options.timeoutMs, () => stop('timed-out'))
  const onAbort = () => stop('aborted')
  options.signal?.addEventListener('abort', onAbort, { once: true })
  const verb = options.apart ? `apart ${context.id}` : `exec ${context.id} ${keepAbove}`
  void context.send(`${verb} ${escapeWord(command)}`)
  after(PREPARE_AFTER_MS, prepareNext)
  return promise

  function after(delayMs: number, action: () => void): void {
    timers.add(setTimeout(action, delayMs))
  }

  function stop(reason: 'timed-out' | 'aborted'): void {
    stopReason ??= reason
    kill.start()
  }

  function heard(frame: CallFrame): void {
    if (frame.kind === 'data') heardData(frame.bytes)
    else if (frame.kind === 'skipped') heardSkipped(frame.count)
    else if (frame.kind === 'exit') heardExit(frame.code)
    else if (frame.kind === 'eof') endOutput()
    else if (frame.kind === 'killed') heardKilled(frame.signal)
    else throw channelViolation('an answer that fits no command')
  }

  function heardData(bytes: Buffer): void {
    if (outputEnded) return
    const { output, found } = mark.push(bytes)
    kept.push(output)
    if (!found) return
    const { totalBytes } = kept
    if (keepAbove > 0) void context.send(`trim ${context.id} ${totalBytes > keepAbove ? totalBytes : 0}`)
    endOutput()
  }

  function heardSkipped(count: number): void {
    if (outputEnded) return
    kept.push(mark.rest())
    kept.skip(count)
  }

  function heardExit(code: number): void {
    // Said once; whoever repeats it for ever is no server of ours.
    if (exitCode !== undefined) return
    exitCode = code
    kill.shellEnded()
    if (!outputEnded) askForEnd()
    else if (!kill.started) settle()
  }

  function prepareNext(): void {
    void context.send('prepare')
  }

  function heardKilled(signal: 'TERM' | 'KILL'): void {
    if (signal === 'KILL') kill.killed()
  }

  function killDone(): void {
    killEnded = true
    if (outputEnded) settle()
    else askForEnd()
  }

  /** A process left behind may hold the output open for ever. */
  function askForEnd(): void {
    after(EOF_AFTER_EXIT_MS, () => {
      if (outputEnded) return
      void context.send(`mark ${context.id} ${nonce}`)
      after(MARK_ANSWER_MS, endOutput)
    })
  }

  function endOutput(): void {
    if (outputEnded) return
    outputEnded = true
    kept.push(mark.rest())
    kill.shellEnded()
    if (kill.started) {
      if (killEnded) settle()
    } else if (exitCode !== undefined) settle()
    else after(EXIT_AFTER_EOF_MS, () => kill.started || settle())
  }

  function lost(): void {
    // Nobody is left who could end what the command started; a call that had to be stopped must not leave it running.
    if (kill.started) void closeAll().then(settle, fail)
    else settle()
  }

  function settle(): void {
    if (settled) return
    settled = true
    release()
    if (exitCode === undefined && !stopReason) kept.push(Buffer.from(LOST_NOTICE))
    resolve({
      ...(exitCode === undefined || stopReason ? {} : { exitCode }),
      timedOut: stopReason === 'timed-out',
      aborted: stopReason === 'aborted',
      durationMs: Math.round(performance.now() - startedAt),
      output: kept.kept(),
      totalOutputBytes: kept.totalBytes,
      ...(keepAbove > 0 && kept.totalBytes > keepAbove ? { outputPath: keptOutputPath(scratch, context.id) } : {}),
    })
  }

  function fail(error: unknown): void {
    release()
    reject(error)
  }

  function release(): void {
    context.finish()
    for (const timer of timers) clearTimeout(timer)
    kill.cancel()
    prepareNext()
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

/** Why a command cannot be run at all. */
export function refusalOf(command: string): string | undefined {
  if (command.includes('\0')) return 'devbot: the command holds a NUL byte, which no shell can take\n'
  const bytes = Buffer.byteLength(command)
  if (bytes <= MAX_COMMAND_BYTES) return undefined
  return `devbot: the command has ${bytes} bytes, at most ${MAX_COMMAND_BYTES} are taken; write it to a file and run that\n`
}

function refusedResult(reason: string): ExecResult {
  const output = Buffer.from(reason)
  return { ...NOTHING_RAN, exitCode: CANNOT_RUN_EXIT_CODE, output, totalOutputBytes: output.length }
}
