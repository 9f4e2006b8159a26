import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { DevBotError } from '@devbot/contracts'
import { gitEnvironmentFor } from './git-environment.ts'
import { printable } from './printable.ts'

/** A local command works on a cache on our own disk; two minutes are far beyond the largest tree. */
const COMMAND_TIMEOUT_MS = 120_000
/** A stream lives as long as its reader needs to take it, but not for ever. */
const STREAM_TIMEOUT_MS = 600_000
/** The listing of a tree with a million paths fits. */
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024
const MAX_STDERR_BYTES = 8 * 1024

export type GitRunOptions = {
  readonly stdin?: Uint8Array | string | Readable
  /** Added to the fixed environment; never secrets (network operations are not run here). */
  readonly environment?: Readonly<Record<string, string>>
  /** Exit codes that are an answer; any other is an error. Default: only 0. */
  readonly answers?: readonly number[]
  readonly maxOutputBytes?: number
  /** What happens at `maxOutputBytes`: an error (default), or the output is cut there and git is stopped. */
  readonly onOverflow?: 'fail' | 'cut'
}

export type GitResult = { readonly exitCode: number; readonly stdout: Buffer; readonly truncated: boolean }

export type Git = {
  readonly directory: string
  /** Runs git to its end. Throws DevBotError `transient`, code `git-command-failed`, or `config`, code `git-missing`. */
  run(args: readonly string[], options?: GitRunOptions): Promise<GitResult>
  /** Runs git and hands its output on as it comes. The stream fails when git fails; destroying it stops git. */
  stream(args: readonly string[], options?: Pick<GitRunOptions, 'stdin' | 'environment'>): Readable
}

/** The one place that spawns git: an argument array, no shell, an environment from nothing, a deadline, a cap. */
export function createGit(directory: string): Git {
  const start = (args: readonly string[], environment: Readonly<Record<string, string>> = {}) =>
    spawn('git', args, { cwd: directory, env: { ...gitEnvironmentFor(directory), ...environment }, shell: false })
  return {
    directory,
    run: (args, options = {}) => runToEnd(start(args, options.environment), args, options),
    stream: (args, options = {}) => streamOut(start(args, options.environment), args, options.stdin),
  }
}

async function runToEnd(
  child: ChildProcessWithoutNullStreams,
  args: readonly string[],
  options: GitRunOptions,
): Promise<GitResult> {
  const maxBytes = options.maxOutputBytes ?? MAX_OUTPUT_BYTES
  const chunks: Buffer[] = []
  let totalBytes = 0
  child.stdout.on('data', (chunk: Buffer) => {
    totalBytes += chunk.length
    if (totalBytes <= maxBytes + chunk.length) chunks.push(chunk)
    if (totalBytes > maxBytes) child.kill('SIGKILL')
  })
  const exit = await waitForExit(child, args, COMMAND_TIMEOUT_MS, options.stdin)
  const truncated = totalBytes > maxBytes
  const stdout = Buffer.concat(chunks).subarray(0, maxBytes)
  if (truncated && options.onOverflow === 'cut') return { exitCode: 0, stdout, truncated }
  if (truncated) throw tooMuchOutput(args, maxBytes)
  if (exit.code === null || !(options.answers ?? [0]).includes(exit.code)) throw commandFailed(args, exit)
  return { exitCode: exit.code, stdout, truncated }
}

function streamOut(
  child: ChildProcessWithoutNullStreams,
  args: readonly string[],
  stdin: GitRunOptions['stdin'],
): Readable {
  const output = new PassThrough()
  const exited = waitForExit(child, args, STREAM_TIMEOUT_MS, stdin)
  output.on('close', () => child.kill('SIGKILL'))
  child.stdout.on('error', (error) => output.destroy(error))
  // The end of the output is only the end when git says so by its exit code.
  child.stdout.pipe(output, { end: false })
  exited.then(
    (exit) => (exit.code === 0 ? output.end() : output.destroy(commandFailed(args, exit))),
    (error: Error) => output.destroy(error),
  )
  return output
}

type Exit = {
  readonly code: number | null
  readonly stderr: string
  readonly timedOut: boolean
  readonly cause: unknown
}

function waitForExit(
  child: ChildProcessWithoutNullStreams,
  args: readonly string[],
  timeoutMs: number,
  stdin: GitRunOptions['stdin'],
): Promise<Exit> {
  return new Promise((resolve, reject) => {
    let stderr = ''
    let timedOut = false
    let cause: unknown
    const timer = setTimeout(() => {
      timedOut = true
      child.kill('SIGKILL')
    }, timeoutMs)
    child.stderr.on('data', (chunk: Buffer) => {
      if (stderr.length < MAX_STDERR_BYTES) stderr += chunk.toString('utf8')
    })
    child.on('error', (error) => {
      clearTimeout(timer)
      reject(notStarted(args, error))
    })
    child.on('close', (code) => {
      clearTimeout(timer)
      resolve({ code, stderr, timedOut, cause })
    })
    feed(child, stdin).catch((error: unknown) => {
      // git that ends before it read everything says why by its exit code; a source that broke must stop git.
      cause = error
      if (stdin instanceof Readable && stdin.errored !== null) child.kill('SIGKILL')
    })
  })
}

async function feed(child: ChildProcessWithoutNullStreams, stdin: GitRunOptions['stdin']): Promise<void> {
  const source = stdin instanceof Readable ? stdin : Readable.from(stdin === undefined ? [] : [Buffer.from(stdin)])
  await pipeline(source, child.stdin)
}

function commandFailed(args: readonly string[], exit: Exit): DevBotError {
  const ended = exit.timedOut ? 'was stopped at its deadline' : `ended with ${exit.code ?? 'a signal'}`
  return new DevBotError({
    category: 'transient',
    code: 'git-command-failed',
    message: `git ${args[0]} ${ended}: ${printable(exit.stderr)} (the store is a cache: deleting its folder between runs is safe)`,
    ...(exit.cause === undefined ? {} : { cause: exit.cause }),
  })
}

function tooMuchOutput(args: readonly string[], maxBytes: number): DevBotError {
  return new DevBotError({
    category: 'invalid-input',
    code: 'git-output-too-large',
    message: `git ${args[0]} wrote more than ${maxBytes} bytes; the repository is larger than DevBot works on`,
  })
}

function notStarted(args: readonly string[], cause: NodeJS.ErrnoException): DevBotError {
  const missing = cause.code === 'ENOENT'
  return new DevBotError({
    category: missing ? 'config' : 'transient',
    code: missing ? 'git-missing' : 'git-not-started',
    message: missing
      ? 'expected the git program and the store folder to be there; install git 2.39 or newer, or let the store be made again'
      : `git ${args[0]} could not be started (${cause.code ?? 'unknown reason'})`,
    cause,
  })
}
