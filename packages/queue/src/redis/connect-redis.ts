import { Redis, type RedisOptions } from 'ioredis'
import { checkInstanceName } from './instance-name.ts'
import { checkRedisUrl } from './redis-url.ts'

/** A local Redis answers within milliseconds; what takes longer is treated as away, so that callers can answer. */
export const COMMAND_TIMEOUT_MS = 2_000
/** Longest pause between two attempts to come back: short, so that an outage costs little more than it lasts. */
const MAX_RECONNECT_MS = 1_000

export type ConnectOptions = {
  readonly redisUrl: string
  readonly instance: string
  /** Shown by `CLIENT LIST`. */
  readonly name: string
}

/**
 * A connection for commands that must answer or fail: nothing queues while Redis is away, nothing is sent twice, and
 * every command ends within `COMMAND_TIMEOUT_MS`. It comes back by itself for as long as it is not closed.
 */
export function createCommandConnection(options: ConnectOptions): Redis {
  return createConnection(options, {
    lazyConnect: true,
    enableOfflineQueue: false,
    // A command whose answer was lost may have been carried out: only its caller knows whether it may be repeated.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_TIMEOUT_MS,
    // A peer that vanished without closing (cable, paused machine) is noticed by silence.
    socketTimeout: 2 * COMMAND_TIMEOUT_MS,
  })
}

/**
 * A connection for BullMQ's worker, which blocks on it for seconds and therefore forbids limits on retries. It connects
 * at once: one that is still to be connected makes BullMQ give up for good when Redis is away at that moment.
 */
export function createBlockingConnection(options: ConnectOptions): Redis {
  return createConnection(options, { maxRetriesPerRequest: null })
}

/** Replies keep the flat shapes of the older protocol, whatever the server speaks. */
type Settings = RedisOptions & { readonly replyMapping?: never }

function createConnection(options: ConnectOptions, settings: Settings): Redis {
  checkRedisUrl(options.redisUrl)
  checkInstanceName(options.instance)
  const all: Settings = {
    ...settings,
    connectTimeout: COMMAND_TIMEOUT_MS,
    keepAlive: 10_000,
    connectionName: `devbot-${options.instance}-${options.name}`,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 10), MAX_RECONNECT_MS),
  }
  return new Redis(options.redisUrl, all)
}

/** Ends the connection at once; commands under way fail. May be repeated. */
export function closeConnection(client: Redis): Promise<void> {
  return new Promise((resolve) => {
    // Between two attempts to connect there is no socket, so nothing more will be reported.
    if (['end', 'wait', 'reconnecting'].includes(client.status)) {
      client.disconnect()
      resolve()
      return
    }
    client.once('end', () => resolve())
    client.disconnect()
  })
}
