import { setTimeout as sleep } from 'node:timers/promises'
import { DevBotError, type ErrorCode } from '@devbot/contracts'
import { Redis } from 'ioredis'

/** Loading a large append-only file after a crash test takes its time. */
const READY_TIMEOUT_MS = 15_000
const POLL_MS = 20

/**
 * Resolves when the server answers and has loaded its data. With `processId`, only that very process counts: another
 * server may already sit on the port. Throws `redis-exited` or `redis-not-ready`.
 */
export async function waitUntilReady(server: {
  readonly host: string
  readonly port: number
  readonly password: string | undefined
  readonly processId: number | undefined
  readonly exited: () => boolean
}): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS
  let lastError: unknown
  while (Date.now() < deadline) {
    if (server.exited()) throw notReady('redis-exited', `redis-server ended while starting on port ${server.port}`)
    try {
      const processId = await askProcessId(server)
      if (server.processId === undefined || processId === server.processId) return
    } catch (error) {
      lastError = error
    }
    await sleep(POLL_MS)
  }
  throw notReady('redis-not-ready', `redis-server did not answer on port ${server.port} in time`, lastError)
}

async function askProcessId(server: { host: string; port: number; password: string | undefined }) {
  const client = new Redis({
    host: server.host,
    port: server.port,
    ...(server.password === undefined ? {} : { password: server.password }),
    lazyConnect: true,
    retryStrategy: () => null,
  })
  // The failing connect() below says the same; without a listener the event would end the process.
  client.on('error', () => undefined)
  try {
    await client.connect()
    return Number(/^process_id:(\d+)/m.exec(await client.info('server'))?.[1])
  } finally {
    client.disconnect()
  }
}

function notReady(code: ErrorCode, message: string, cause?: unknown): DevBotError {
  return new DevBotError({ category: 'transient', code, message, cause })
}
