import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type BackgroundCommand, DevBotError, type ExecResult, type ShellOptions } from '@devbot/contracts'
import { withDeadline } from '../deadline.ts'
import type { SandboxEngine, SandboxProcess } from '../engine.ts'
import type { ReadFileResult, ReadOptions, WriteFileResult } from '../sandbox.ts'
import { runBackgroundCall } from './background-call.ts'
import { runCommandCall } from './command-call.ts'
import { runReadCall, runWriteCall } from './file-calls.ts'
import { type CallFrame, channelViolation, createFrameReader, type Frame } from './frames.ts'

const SERVER = readFileSync(new URL('./tool-channel.sh', import.meta.url), 'utf8')
/** A shell and thirteen look-ups take 10 ms; a minute is a machine that does not work. */
const START_TIMEOUT_MS = 60_000

/** For the message of a server that could not start. */
const LAST_WORDS_MS = 50
/** A server whose connection is gone reads the end of its requests and ends by itself, in milliseconds. */
const SERVER_END_MS = 3_000
/** Killing one process group takes milliseconds. */
const KILL_TIMEOUT_MS = 10_000

/** One call under way: it hears what comes for its id, and decides itself when it has ended. */
export type Call = {
  heard(frame: CallFrame): void
  /** The channel is gone; nothing more comes. */
  lost(): void
  failed(error: DevBotError): void
}

/** What a call can do with the channel. */
export type CallContext = {
  readonly id: number
  send(line: string, payload?: Uint8Array): Promise<void>
  /** Takes the call off the channel: later frames of its id are thrown away. */
  finish(): void
}

/** Puts a call on the channel. Nothing is heard before the caller's turn of the event loop is over. */
export type BeginCall = (call: Call) => CallContext

/** The client of one tool channel. Calls may run side by side. */
export type ToolChannel = {
  exec(command: string, options: ShellOptions): Promise<ExecResult>
  startCommand(command: string): BackgroundCommand
  readFile(path: string, options: ReadOptions): Promise<ReadFileResult>
  writeFile(path: string, bytes: Uint8Array): Promise<WriteFileResult>
  /** Ends the server and all calls under way. */
  close(): Promise<void>
  readonly isOpen: boolean
}

export type ToolChannelOptions = {
  /** Counts the calls of the sandbox, over all its channels: ids are never used twice. */
  readonly callIds: { last: number }
  /** Called when a command could not be ended through the channel: kills everything in the sandbox. */
  readonly killAll: () => Promise<void>
  /** Called once when hostile bytes closed the channel. */
  readonly onViolation: (error: DevBotError) => void
}

/**
 * Starts the server in the sandbox and waits until it is ready. Throws DevBotError `sandbox`: `sandbox-tool-missing`
 * names the programs that the image lacks, `channel-not-started` anything else.
 */
export async function openToolChannel(engine: SandboxEngine, options: ToolChannelOptions): Promise<ToolChannel> {
  const tag = randomBytes(8).toString('hex')
  const firstId = String(options.callIds.last + 1)
  const { scratch, workspace } = engine
  const argv = ['sh', '-c', SERVER, 'devbot', SERVER, scratch, workspace, 'start', tag, firstId] as const
  const process = await engine.start([...argv])
  const calls = new Map<number, Call>()
  let isOpen = true
  const ready = Promise.withResolvers<void>()
  const startTimer = setTimeout(() => ready.reject(notStarted('it gave no sign for a minute')), START_TIMEOUT_MS)
  const stderr = firstText(process, 2000)

  function end(error?: DevBotError): void {
    if (!isOpen) return
    isOpen = false
    if (error) ready.reject(error)
    // Why it ended may still be on its way.
    else setTimeout(() => ready.reject(notStarted(stderr() || 'its shell ended')), LAST_WORDS_MS)
    const open = [...calls.values()]
    calls.clear()
    for (const call of open) error ? call.failed(error) : call.lost()
  }

  function dispatch(frame: Frame): void {
    if (frame.kind === 'ready') ready.resolve()
    else if (frame.kind === 'missing') ready.reject(toolsMissing(frame.tools))
    else hear(frame)
  }

  function hear(frame: CallFrame): void {
    if (frame.id > options.callIds.last) throw channelViolation('a frame for a call that was never made')
    const call = calls.get(frame.id)
    if (call) call.heard(frame)
    // A process left behind still writes: its relay is told to throw that away. Not while earlier requests wait to be read:
    // whoever reads none and writes for ever would fill this process's memory with them.
    else if (frame.kind === 'data' && process.stdin.writableLength === 0) void send(`forget ${frame.id}`)
  }

  async function send(line: string, payload?: Uint8Array): Promise<void> {
    if (!isOpen || !process.stdin.writable) return
    const header = Buffer.from(`${line}\n`, 'latin1')
    const accepted = process.stdin.write(payload ? Buffer.concat([header, payload]) : header)
    if (!accepted) await drained(process)
  }

  function begin(call: Call): CallContext {
    options.callIds.last += 1
    const id = options.callIds.last
    calls.set(id, call)
    if (!isOpen) queueMicrotask(() => calls.delete(id) && call.lost())
    return { id, send, finish: () => calls.delete(id) }
  }

  let closing: Promise<void> | undefined
  function closeAll(): Promise<void> {
    // Closing ends calls that come here again; what they wait for must be this one, or a second kill hits what starts next.
    closing ??= channel.close().then(() => options.killAll())
    return closing
  }

  readFrames(process, dispatch, (error) => {
    options.onViolation(error)
    end(error)
    void killServer(process)
  })
  void process.exitCode.then(() => end())
  // A server that can hear or say nothing any more is of no use, whether its process has ended, somebody closed its pipes,
  // or the connection to it broke. To kill it may mean to kill everything in the sandbox, a test that runs there for one;
  // so that is only for a server that does not end by itself.
  const cutOff = () => {
    if (!isOpen) return
    end()
    if (process.stdin.writable) process.stdin.end()
    const late = () => notStarted('its end did not come')
    withDeadline(process.exitCode, SERVER_END_MS, late).catch(() => killServer(process))
  }
  process.stdin.on('error', cutOff)
  process.stdout.on('error', cutOff)
  process.stdout.once('close', cutOff)
  process.stdout.once('end', cutOff)

  const channel: ToolChannel = {
    get isOpen() {
      return isOpen
    },
    exec: (command, execOptions) => runCommandCall({ command, options: execOptions, begin, scratch, closeAll }),
    startCommand: (command) => runBackgroundCall({ command, begin, scratch, closeAll }),
    readFile: (path, readOptions) => runReadCall(path, readOptions, { begin, closeAll }),
    writeFile: (path, bytes) => runWriteCall(path, bytes, { begin, closeAll }),
    async close() {
      end()
      await killServer(process)
    },
  }
  try {
    await ready.promise
  } catch (error) {
    await channel.close()
    throw error
  } finally {
    clearTimeout(startTimer)
  }
  return channel
}

function readFrames(
  process: SandboxProcess,
  dispatch: (frame: Frame) => void,
  onViolation: (error: DevBotError) => void,
) {
  const reader = createFrameReader()
  const take = (chunk: Buffer) => {
    try {
      for (const frame of reader.push(chunk)) dispatch(frame)
    } catch (error) {
      process.stdout.off('data', take)
      process.stdout.resume()
      // Hostile bytes must not end the worker, whatever they manage to break.
      onViolation(error instanceof DevBotError ? error : channelViolation('what could not be handled', error))
    }
  }
  process.stdout.on('data', take)
}

/** Best effort, with a deadline: what it cannot end, `killAll` ends, or the removal of the sandbox. */
async function killServer(process: SandboxProcess): Promise<void> {
  const late = () => notStarted('its end did not come')
  await withDeadline(process.kill(), KILL_TIMEOUT_MS, late).catch(() => undefined)
}

/** Resolves when the stream takes more, or when it is gone. */
function drained(process: SandboxProcess): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const done = () => resolve()
  process.stdin.once('drain', done)
  process.stdin.once('close', done)
  return promise.finally(() => {
    process.stdin.off('drain', done)
    process.stdin.off('close', done)
  })
}

/** Collects the start of stderr, for the message of an error. */
function firstText(process: SandboxProcess, maxLength: number): () => string {
  let text = ''
  // What it can still say is of no use without its stdout, which tells that something is wrong.
  process.stderr.on('error', () => undefined)
  process.stderr.on('data', (chunk: Buffer) => {
    if (text.length < maxLength) text += chunk.toString('utf8').slice(0, maxLength - text.length)
  })
  return () => text.trim()
}

function notStarted(what: string): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'channel-not-started',
    message: `The tool channel did not start in the sandbox: ${what}`,
  })
}

function toolsMissing(tools: readonly string[]): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'sandbox-tool-missing',
    message: `The sandbox lacks programs that DevBot needs: ${tools.join(', ')}. Add them to the image (SANDBOX_IMAGE).`,
    details: { tools: tools.join(' ') },
  })
}
