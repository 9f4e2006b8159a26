import { type Duplex, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { DevBotError } from '@devbot/contracts'
import type { SandboxProcess } from '../engine.ts'
import { createDemultiplexer } from './demultiplex.ts'
import type { DockerClient } from './docker-client.ts'

/** 128 + SIGKILL: what a process ended with whose container is gone. */
const KILLED_EXIT_CODE = 137
/** The engine knows the exit code within milliseconds after the streams ended. */
const FIRST_LOOK_MS = 5
/**
 * The streams stay open as long as anything that the process left behind holds them, so the engine is asked meanwhile: at
 * first often, for a command that runs long less and less. One look costs a millisecond.
 */
const LOOK_MS = { shortest: 200, longest: 2_000, shareOfAge: 0.1 }
/** How long the engine may answer no look, or refuse them all: a restart takes seconds. Then nobody waits any more. */
const MAX_UNANSWERED_MS = 60_000

type ExecProcessInput = {
  readonly client: DockerClient
  readonly execId: string
  readonly stream: Duplex
  /** Whether the container still runs: an exec in one that does not has ended, whatever else is said of it. */
  readonly isRunning: () => Promise<boolean>
  readonly kill: () => Promise<void>
}

/** A started exec as a process with streams. */
export function createExecProcess(input: ExecProcessInput): SandboxProcess {
  const { stream } = input
  const demultiplexer = createDemultiplexer()
  const streamsEnded = Promise.withResolvers<void>()
  const stdin = createInput(stream)
  let hasEnded = false
  let lost: DevBotError | undefined

  // However the stream ends, the process's exit code tells how it went.
  pipeline(stream, demultiplexer.input, { end: true })
    .catch(() => undefined)
    .finally(() => streamsEnded.resolve())

  const exitCode = waitForExit(input, streamsEnded.promise).then((end) => {
    hasEnded = true
    lost = end.lost
    // Nobody reads it any more.
    if (!stdin.writableFinished) stdin.destroy(brokenPipe())
    return end.exitCode
  })

  return {
    stdin,
    stdout: demultiplexer.stdout,
    stderr: demultiplexer.stderr,
    exitCode,
    lost: () => lost,
    async kill() {
      // To kill it is to kill everything else as well: not where it has ended meanwhile.
      if (hasEnded || typeof (await look(input, false)) === 'number') return
      // What cannot be killed ends with its container, and the next call says so.
      await input.kill().catch(() => undefined)
      await exitCode
    },
  }
}

/** The writing half of the hijacked connection; its end closes the process's stdin and leaves the reading half open. */
function createInput(stream: Duplex): Writable {
  const input = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (!stream.writable) done(brokenPipe())
      else stream.write(chunk, (error) => done(error ? brokenPipe(error) : null))
    },
    final(done) {
      if (stream.writable) stream.end()
      done()
    },
  })
  // A process may end before it has read everything, and its exit code says so; who wants to know more listens as well.
  input.on('error', () => undefined)
  stream.once('close', () => {
    if (!input.writableFinished) input.destroy(brokenPipe())
  })
  return input
}

type End = { readonly exitCode: number; readonly lost?: DevBotError }

async function waitForExit(input: ExecProcessInput, streamsEnded: Promise<void>): Promise<End> {
  const startedAt = performance.now()
  let ended = false
  void streamsEnded.then(() => {
    ended = true
  })
  let afterEndMs = FIRST_LOOK_MS
  let answeredAt = startedAt
  let ranOn = false
  for (;;) {
    if (ended) {
      await delayed(afterEndMs)
      afterEndMs = Math.min(afterEndMs * 2, LOOK_MS.longest)
    } else {
      await Promise.race([streamsEnded, delayed(lookAfterMs(startedAt))])
    }
    const looked = await look(input, afterEndMs > LOOK_MS.shortest)
    if (typeof looked === 'number') {
      // Its streams had ended before it did, so they were cut: what it wrote then failed, and may be all that failed.
      const wasCut = ranOn && looked !== 0
      return { exitCode: looked, ...(wasCut && { lost: processLost('the connection to it broke', false) }) }
    }
    ranOn ||= afterEndMs > LOOK_MS.shortest
    if (looked === 'running') {
      answeredAt = performance.now()
    } else if (performance.now() - answeredAt > MAX_UNANSWERED_MS) {
      return { exitCode: KILLED_EXIT_CODE, lost: processLost('the engine did not answer for a minute', true) }
    }
  }
}

function lookAfterMs(startedAt: number): number {
  const age = performance.now() - startedAt
  return Math.max(LOOK_MS.shortest, Math.min(age * LOOK_MS.shareOfAge, LOOK_MS.longest))
}

/** The exit code, or that there is none yet. */
async function look({ client, execId, isRunning }: ExecProcessInput, doubt: boolean) {
  try {
    const exec = await client.inspectExec(execId)
    if (exec === undefined) return KILLED_EXIT_CODE
    if (!exec.running) return exec.exitCode ?? KILLED_EXIT_CODE
    return doubt && !(await isRunning()) ? KILLED_EXIT_CODE : 'running'
  } catch {
    return 'no-answer' // an engine that is away for a moment; the time is counted
  }
}

/** Does not keep the worker alive. */
function delayed(ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  setTimeout(resolve, ms).unref()
  return promise
}

function processLost(why: string, passing: boolean): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'process-lost',
    message: `Nobody knows how a process of the sandbox ended: ${why}. Was the Docker engine or docker-gate restarted?`,
    details: { passing },
  })
}

function brokenPipe(cause?: unknown): Error {
  return Object.assign(new Error('the process reads no more', { cause }), { code: 'EPIPE' })
}
