import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { waitFor } from '@devbot/demo'
import { z } from 'zod'
import { cpuSecondsOf } from './process-facts.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const STOP_TIMEOUT_MS = 10_000

export type SpawnedService = {
  readonly port: number
  /** CPU time it has used so far. */
  readonly cpuSeconds: () => Promise<number>
  readonly stop: () => Promise<void>
}

const readySchema = z.object({ msg: z.string().endsWith(' ready'), port: z.number() })

/**
 * Starts a program of the workspace and waits until it logs `{"msg":"... ready","port":N}`. Unlike the demo's
 * `startService` its log goes to the file by itself: reading every line here would take time from what is measured.
 */
export async function spawnService(options: {
  /** From the workspace's root. */
  readonly program: string
  readonly env: Readonly<Record<string, string>>
  readonly logFile: string
}): Promise<SpawnedService> {
  const log = openSync(options.logFile, 'a')
  const child = spawn(process.execPath, [options.program], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...options.env },
    stdio: ['ignore', log, log],
  })
  try {
    const port = await waitFor(`${options.program} to be ready`, () => readyPort(child, options.logFile), {
      timeoutMs: 30_000,
      everyMs: 20,
    })
    return { port, cpuSeconds: () => cpuSecondsOf(child.pid), stop: () => stop(child) }
  } catch (error) {
    await stop(child)
    throw error
  }
}

async function readyPort(child: ChildProcess, logFile: string): Promise<number | undefined> {
  const log = await readFile(logFile, 'utf8')
  if (hasEnded(child)) throw new Error(`it ended before it was ready:\n${log.slice(-4000)}`)
  for (const line of log.split('\n').filter((text) => text.startsWith('{') && text.endsWith('}'))) {
    const ready = readySchema.safeParse(JSON.parse(line))
    if (ready.success) return ready.data.port
  }
  return undefined
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

async function stop(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
  await exited
  clearTimeout(timer)
}
