import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** Time a service has from its start to its `ready` line. */
const READY_TIMEOUT_MS = 30_000
/** Time from SIGTERM to SIGKILL. */
const STOP_TIMEOUT_MS = 25_000

/** The line every service logs once it works. */
const readyLineSchema = z.object({
  msg: z.string().endsWith(' ready'),
  opsPort: z.number(),
  port: z.number().optional(),
})

/** A service of DevBot as its own process, as compose would run it, with its log in a file. */
export type ServiceProcess = {
  readonly name: string
  /** Ports after the newest start. */
  readonly ports: () => { readonly ops: number; readonly http: number | undefined }
  readonly pid: () => number | undefined
  /** SIGTERM, and the exit code. */
  readonly stop: () => Promise<number | null>
  /** SIGKILL: the process gets no chance to tidy up. */
  readonly kill: () => Promise<void>
  readonly start: () => Promise<void>
  /** Resolves when the process of the newest start has ended, whoever ended it. */
  readonly ended: () => Promise<void>
}

/** A program that takes the place of a service's `main.ts`: its file, and its arguments. */
export type ServiceProgram = { readonly file: string; readonly args: readonly string[] }

/** Starts `services/<name>/src/main.ts`, or what takes its place, and waits until it is ready. Throws with the end of its log when it is not. */
export async function startService(options: {
  readonly name: string
  readonly env: Readonly<Record<string, string>>
  readonly logFile: string
  /** Options of Node itself, as compose gives them to some services. */
  readonly nodeOptions?: readonly string[] | undefined
  readonly program?: ServiceProgram | undefined
}): Promise<ServiceProcess> {
  let child: ChildProcess | undefined
  let ports: { ops: number; http: number | undefined } = { ops: 0, http: undefined }
  const start = async () => {
    const { file, args } = options.program ?? {
      file: join(root, 'services', options.name, 'src', 'main.ts'),
      args: [],
    }
    const started = spawn(process.execPath, [...(options.nodeOptions ?? []), file, ...args], {
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
        ...options.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: root,
    })
    child = started
    ports = await readyPorts(started, options)
  }
  await start()
  return {
    name: options.name,
    ports: () => ports,
    pid: () => child?.pid,
    start,
    stop: async () => (child === undefined ? null : endProcess(child, 'SIGTERM')),
    kill: async () => {
      if (child !== undefined) await endProcess(child, 'SIGKILL')
    },
    ended: async () => {
      if (child !== undefined && child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
  }
}

async function readyPorts(child: ChildProcess, { name, logFile }: { readonly name: string; readonly logFile: string }) {
  const log = createWriteStream(logFile, { flags: 'a' })
  const tail: string[] = []
  const ready = Promise.withResolvers<{ ops: number; http: number | undefined }>()
  const onLine = (line: string) => {
    log.write(`${line}\n`)
    tail.push(line)
    if (tail.length > 30) tail.shift()
    const parsed = readyLineSchema.safeParse(parseJson(line))
    if (parsed.success) ready.resolve({ ops: parsed.data.opsPort, http: parsed.data.port })
  }
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) createInterface({ input: stream }).on('line', onLine)
  }
  child.once('exit', (code, signal) =>
    ready.reject(new Error(`${name} ended before it was ready (${code ?? signal}):\n${tail.join('\n')}`)),
  )
  child.once('close', () => log.end())
  const timer = setTimeout(
    () => ready.reject(new Error(`${name} was not ready after ${READY_TIMEOUT_MS / 1000} s:\n${tail.join('\n')}`)),
    READY_TIMEOUT_MS,
  )
  try {
    return await ready.promise
  } catch (error) {
    await endProcess(child, 'SIGKILL')
    throw error
  } finally {
    clearTimeout(timer)
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    // Not a log line of ours: Node's own words on a crash, for example. It is kept in the tail.
    return undefined
  }
}

async function endProcess(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const exited = once(child, 'exit')
  child.kill(signal)
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
  await exited
  clearTimeout(timer)
  return child.exitCode
}
