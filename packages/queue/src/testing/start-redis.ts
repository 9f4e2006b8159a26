import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DevBotError } from '@devbot/contracts'
import { Redis } from 'ioredis'
import { launchContainer } from './redis-container.ts'
import { launchProcess } from './redis-process.ts'

/** One start of the server, in whatever it runs. */
export type RunningServer = {
  readonly host: string
  stop(): Promise<void>
  kill(): Promise<void>
}

export type RedisSettings = {
  readonly port: number
  readonly directory: string
  readonly password: string | undefined
}

export type StartedRedis = {
  /** With the password, if there is one. */
  readonly url: string
  readonly directory: string
  /** Ends the server orderly; removes the directory if `startRedis` made it. May be repeated. */
  stop(): Promise<void>
  /** SIGKILL, for crash tests. The directory stays. */
  kill(): Promise<void>
  /** Starts it again on the same port and directory, after ending it orderly if it still runs. */
  restart(): Promise<void>
  /** Loses every key, while whoever is connected stays so. */
  flush(): Promise<void>
}

/** A free port can be taken by somebody else before Redis binds it; then another one is tried. */
const PORT_ATTEMPTS = 5

/**
 * A real Redis for tests and the demo, set as the ledger wants it: append-only file on, synced with every write, no
 * eviction, on loopback, on a free port (`port` absent or 0), in a fresh temporary directory (`directory` absent).
 * Uses the machine's `redis-server`; without one a container by testcontainers (where Ryuk's image cannot be pulled,
 * set TESTCONTAINERS_RYUK_DISABLED=true). Throws category `config`, code `redis-not-installed`, when neither works.
 */
export async function startRedis(
  options: { readonly port?: number; readonly directory?: string; readonly password?: string } = {},
): Promise<StartedRedis> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'devbot-redis-')))
  const removeDirectory = options.directory === undefined
  await mkdir(directory, { recursive: true })
  try {
    const { settings, server } = await launchOnPort(options.port ?? 0, directory, options.password)
    return handleFor(settings, server, removeDirectory)
  } catch (error) {
    if (removeDirectory) await rm(directory, { recursive: true, force: true })
    throw error
  }
}

async function launchOnPort(port: number, directory: string, password: string | undefined) {
  for (let attempt = 1; ; attempt++) {
    const settings = { port: port === 0 ? await freePort() : port, directory, password }
    try {
      return { settings, server: await launch(settings) }
    } catch (error) {
      const portWasTaken = error instanceof DevBotError && error.code === 'redis-exited'
      if (port !== 0 || !portWasTaken || attempt === PORT_ATTEMPTS) throw error
    }
  }
}

async function launch(settings: RedisSettings): Promise<RunningServer> {
  await writeSettings(settings, 'redis.conf', '127.0.0.1', settings.directory)
  const server = await launchProcess(settings)
  if (server !== undefined) return server
  // Inside the container Redis listens to the container's own address; the published port is what is reached.
  await writeSettings(settings, 'redis.conf', '0.0.0.0', '/data')
  return launchContainer(settings)
}

/** In a file, because arguments of a process can be read by everybody on the machine. */
async function writeSettings(settings: RedisSettings, name: string, bind: string, workingDirectory: string) {
  const lines = [
    `bind ${bind}`,
    `port ${settings.port}`,
    `dir ${JSON.stringify(workingDirectory)}`,
    'appendonly yes',
    'appendfsync always',
    'maxmemory-policy noeviction',
    'save ""',
    `protected-mode ${settings.password === undefined ? 'no' : 'yes'}`,
    ...(settings.password === undefined ? [] : [`requirepass ${JSON.stringify(settings.password)}`]),
  ]
  const path = join(settings.directory, name)
  await writeFile(path, `${lines.join('\n')}\n`, { mode: 0o600 })
  await chmod(path, 0o600)
}

function handleFor(settings: RedisSettings, first: RunningServer, removeDirectory: boolean): StartedRedis {
  let server: RunningServer | undefined = first
  const end = async (how: 'stop' | 'kill') => {
    const ending = server
    server = undefined
    await ending?.[how]()
  }
  const password = settings.password === undefined ? '' : `:${encodeURIComponent(settings.password)}@`
  const url = `redis://${password}${first.host}:${settings.port}`
  return {
    url,
    directory: settings.directory,
    async stop() {
      await end('stop')
      if (removeDirectory) await rm(settings.directory, { recursive: true, force: true })
    },
    kill: () => end('kill'),
    async restart() {
      await end('stop')
      server = await launch(settings)
    },
    async flush() {
      const client = new Redis(url)
      try {
        await client.flushall()
      } finally {
        client.disconnect()
      }
    },
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      probe.close(() => resolve(port))
    })
  })
}
