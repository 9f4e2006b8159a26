import { type Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { DevBotError, type ExecOptions, type ExecResult } from '@devbot/contracts'
import { withDeadline } from './deadline.ts'
import type { SandboxEngine, SandboxProcess } from './engine.ts'
import { createHeadAndTail } from './head-and-tail.ts'

/** For output still in the pipe after a process has ended, when something it left behind holds the pipe open. */
const DRAIN_MS = 200
const MAX_STDERR_BYTES = 4096

/** A driver looks twenty times whether everything is gone, at most 100 ms apart. */
const KILL_TIMEOUT_MS = 30_000

/**
 * Runs a shell command as a process of its own. The exit code is the process's, not something read from its output.
 * Timeout and abort kill it with everything it started. Throws `process-lost` when nobody knows how it ended.
 */
export async function runShellCommand(
  engine: SandboxEngine,
  command: string,
  options: ExecOptions & { readonly cwd?: string },
): Promise<ExecResult> {
  const startedAt = performance.now()
  const kept = createHeadAndTail(options.maxOutputBytes)
  const stopping = stopSignal(options)
  let exitCode: number | undefined
  try {
    if (!stopping.signal.aborted) {
      const process = await engine.start(['sh', '-c', RUN, 'sh', command, options.cwd ?? '.'])
      process.stdout.on('data', (chunk: Buffer) => kept.push(chunk))
      // The exit code tells how it ended; output that breaks off is the output there is.
      process.stdout.on('error', () => undefined)
      process.stderr.on('error', () => undefined).resume()
      endInput(process)
      exitCode = await endOrKill(process, stopping.signal)
      await drained(process.stdout)
      const lost = exitCode === undefined ? undefined : process.lost?.()
      if (lost) throw lost
    }
  } finally {
    stopping.release()
  }
  return {
    ...(exitCode === undefined ? {} : { exitCode }),
    timedOut: stopping.timedOut(),
    aborted: stopping.signal.aborted && !stopping.timedOut(),
    durationMs: Math.round(performance.now() - startedAt),
    output: kept.kept(),
    totalOutputBytes: kept.totalBytes,
  }
}

/**
 * stdout and stderr through one pipe keep their order. The outer shell holds it open to the end, so that streams which end
 * earlier were cut, whatever the command does with its own.
 */
const RUN = 'exec 2>&1 </dev/null; cd -- "$2" || exit 127; (eval "$1"); exit $?'

function stopSignal(options: ExecOptions) {
  const controller = new AbortController()
  let timedOut = false
  const onAbort = () => controller.abort()
  const timer = setTimeout(() => {
    timedOut = !controller.signal.aborted
    controller.abort()
  }, options.timeoutMs)
  if (options.signal?.aborted) onAbort()
  options.signal?.addEventListener('abort', onAbort, { once: true })
  return {
    signal: controller.signal,
    timedOut: () => timedOut,
    release() {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', onAbort)
    },
  }
}

/** The exit code, or undefined when the signal came first and the process was killed. */
async function endOrKill(process: SandboxProcess, signal: AbortSignal): Promise<number | undefined> {
  const stopped = Promise.withResolvers<undefined>()
  const onAbort = () => stopped.resolve(undefined)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  const exitCode = await Promise.race([process.exitCode, stopped.promise])
  signal.removeEventListener('abort', onAbort)
  if (exitCode === undefined) await withDeadline(process.kill(), KILL_TIMEOUT_MS, notStopped)
  return exitCode
}

async function drained(stream: Readable): Promise<void> {
  if (stream.readableEnded || stream.destroyed) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, DRAIN_MS)
  stream.once('end', resolve)
  stream.once('close', resolve)
  stream.once('error', resolve)
  await promise
  clearTimeout(timer)
  // What is left behind may go on writing; nobody listens any more, and it must neither block nor fill memory.
  stream.removeAllListeners('data')
  stream.resume()
}

export type TransferInput = {
  readonly argv: readonly [string, ...string[]]
  readonly stdin?: Readable
  /** Gets stdout; ends with it. */
  readonly stdout?: Writable
  readonly timeoutMs: number
  /** What is being done, for the error: `importing the tree`. */
  readonly what: string
  /** Exit codes besides 0 that are no failure. */
  readonly alsoFine?: readonly number[]
}

/**
 * Runs one of our own programs in the sandbox with byte streams at its ends. Throws DevBotError `sandbox`
 * (`sandbox-transfer-failed`) unless it ends well in time; an error of one of the given streams comes through as it is.
 * Returns the exit code.
 */
export async function transfer(engine: SandboxEngine, input: TransferInput): Promise<number> {
  const process = await engine.start(input.argv)
  const stderr: Buffer[] = []
  let stderrBytes = 0
  process.stderr.on('error', () => undefined) // it only explains a failure that shows elsewhere
  process.stderr.on('data', (chunk: Buffer) => {
    if (stderrBytes < MAX_STDERR_BYTES) stderr.push(chunk.subarray(0, MAX_STDERR_BYTES - stderrBytes))
    stderrBytes += chunk.length
  })
  const deadline = AbortSignal.timeout(input.timeoutMs)
  const stdout = input.stdout ?? new Writable({ write: (_chunk, _encoding, done) => done() })
  try {
    const [exitCode] = await Promise.all([
      endOrKill(process, deadline),
      pipeline(process.stdout, stdout, { signal: deadline }),
      input.stdin ? sendInput(input.stdin, process) : endInput(process),
    ])
    if (exitCode === 0 || (exitCode !== undefined && input.alsoFine?.includes(exitCode))) return exitCode
    const said = Buffer.concat(stderr).toString('utf8').trim()
    throw transferFailed(input.what, `${input.argv[0]} ended with ${exitCode}: ${said || 'no message'}`)
  } catch (error) {
    await withDeadline(process.kill(), KILL_TIMEOUT_MS, notStopped)
    throw deadline.aborted ? transferFailed(input.what, `it took longer than ${input.timeoutMs} ms`, error) : error
  }
}

/** A program that ends before it has read everything says why by its exit code; the broken pipe itself is no news. */
async function sendInput(source: Readable, process: SandboxProcess): Promise<void> {
  let readerLeft = false
  process.stdin.once('close', () => {
    readerLeft = !source.destroyed
  })
  try {
    await pipeline(source, process.stdin)
  } catch (error) {
    if (!readerLeft && !isBrokenPipe(error)) throw error
  }
}

function isBrokenPipe(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'EPIPE' || code === 'ECONNRESET'
}

function endInput(process: SandboxProcess): void {
  // The process may be gone already; its exit code tells.
  process.stdin.on('error', () => undefined)
  process.stdin.end()
}

function notStopped(): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'sandbox-not-stopped',
    message: `A process of the sandbox could not be ended within ${KILL_TIMEOUT_MS} ms.`,
  })
}

function transferFailed(what: string, why: string, cause?: unknown): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'sandbox-transfer-failed',
    message: `While ${what} in the sandbox: ${why}`,
    cause,
  })
}
