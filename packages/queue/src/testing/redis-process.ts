import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { DevBotError } from '@devbot/contracts'
import { waitUntilReady } from './redis-ready.ts'
import type { RedisSettings, RunningServer } from './start-redis.ts'

/** An orderly end writes nothing large; more than this means it hangs. */
const STOP_TIMEOUT_MS = 5_000
/** Enough of the server's own words to see why it ended. */
const MAX_OUTPUT_CHARS = 4_000

/** Starts the machine's `redis-server` with `redis.conf` of the directory; undefined when there is none on PATH. */
export async function launchProcess(settings: RedisSettings): Promise<RunningServer | undefined> {
  const child = spawn('redis-server', [join(settings.directory, 'redis.conf')], {
    cwd: settings.directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = collectOutput(child)
  if (!(await hasSpawned(child))) return undefined
  const killWithParent = () => child.kill('SIGKILL')
  process.once('exit', killWithParent)
  child.once('exit', () => process.removeListener('exit', killWithParent))
  try {
    await waitUntilReady({ ...settings, host: '127.0.0.1', processId: child.pid, exited: () => hasExited(child) })
  } catch (error) {
    await endChild(child, 'SIGKILL')
    throw withOutput(error, output())
  }
  return { host: '127.0.0.1', stop: () => endChild(child, 'SIGTERM'), kill: () => endChild(child, 'SIGKILL') }
}

function hasSpawned(child: ChildProcess): Promise<boolean> {
  return new Promise((resolve, reject) => {
    child.once('spawn', () => resolve(true))
    child.once('error', (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? resolve(false) : reject(error)))
  })
}

function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

async function endChild(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (hasExited(child)) return
  const exit = once(child, 'exit')
  child.kill(signal)
  const deadline = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
  await exit
  clearTimeout(deadline)
}

function collectOutput(child: ChildProcess): () => string {
  let text = ''
  const add = (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-MAX_OUTPUT_CHARS)
  }
  child.stdout?.on('data', add)
  child.stderr?.on('data', add)
  return () => text
}

function withOutput(error: unknown, output: string): unknown {
  if (!(error instanceof DevBotError)) return error
  const message = `${error.message}\nIts last words:\n${output}`
  return new DevBotError({ category: error.category, code: error.code, message, cause: error })
}
