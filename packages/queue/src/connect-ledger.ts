import type { Redis } from 'ioredis'
import { checkSafety } from './check-safety.ts'
import { createFeedbackIntakeLedger } from './feedback-intake-ledger.ts'
import type { Ledger } from './ledger.ts'
import { createOperatorLedger } from './operator-ledger.ts'
import { createPauseLedger } from './pause-ledger.ts'
import { createPlanIntakeLedger } from './plan-intake-ledger.ts'
import { closeConnection, createCommandConnection } from './redis/connect-redis.ts'
import { toLedgerError } from './redis/redis-errors.ts'
import { redisAddress } from './redis/redis-url.ts'
import { createScriptRunner } from './redis/script-runner.ts'
import { createTurnBodies } from './turn-bodies.ts'
import { createWorkerLedger } from './worker-ledger.ts'

export type LedgerOptions = {
  /** `redis://`, `rediss://`, or the path of a Unix socket. */
  readonly redisUrl: string
  /** DEVBOT_INSTANCE: part of every key. */
  readonly instance: string
  /** Folder for large bodies of turns; only who appends, reads or retires turns needs it. */
  readonly bodyDirectory?: string
}

/**
 * Connects to the ledger. Throws category `transient` when Redis does not answer within two seconds, `config` when
 * address, user or password are wrong. Later the connection comes back by itself; meanwhile every method fails at
 * once, or within two seconds, with `ledger-unavailable`.
 */
export async function connectLedger(options: LedgerOptions): Promise<Ledger> {
  const client = createCommandConnection({ ...options, name: 'ledger' })
  const scripts = createScriptRunner(client, options)
  await connect(client, options.redisUrl)
  const bodies = createTurnBodies(options.bodyDirectory)
  return {
    ...createPlanIntakeLedger(scripts),
    ...createFeedbackIntakeLedger(scripts),
    ...createWorkerLedger(scripts, bodies),
    ...createOperatorLedger(scripts, bodies),
    ...createPauseLedger(scripts),
    checkSafety: () => checkSafety(scripts, options.redisUrl),
    raiseVersion: async () => {
      await scripts.run('raise-version')
    },
    close: () => closeConnection(client),
  }
}

async function connect(client: Redis, redisUrl: string): Promise<void> {
  let firstError: unknown
  client.once('error', (error) => {
    firstError = error
  })
  try {
    await client.connect()
  } catch (error) {
    client.disconnect()
    throw toLedgerError(error, redisAddress(redisUrl), firstError)
  }
}
