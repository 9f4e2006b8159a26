import { type TaskId, type WakeUp, wakeUpSchema } from '@devbot/contracts'
import { Queue } from 'bullmq'
import type { TaskQueue } from './ledger.ts'
import { closeConnection, createCommandConnection } from './redis/connect-redis.ts'
import { toLedgerError } from './redis/redis-errors.ts'
import { redisAddress } from './redis/redis-url.ts'

/** The one queue. Together with the instance's prefix it names every key that BullMQ makes. */
export const QUEUE_NAME = 'tasks'
/** The one kind of job. */
const JOB_NAME = 'wake-up'

/** BullMQ joins prefix, queue name and part by colons. */
export function queuePrefixFor(instance: string): string {
  return `devbot:${instance}:queue`
}

/**
 * The waking side. `wake` throws category `transient` (`ledger-unavailable`) within about two seconds when Redis is
 * away; nothing is lost by that, because the sweeper wakes whatever the ledger says is due.
 */
export function createTaskQueue(options: { readonly redisUrl: string; readonly instance: string }): TaskQueue {
  const client = createCommandConnection({ ...options, name: 'queue' })
  let lastError: unknown
  client.on('error', (error) => {
    lastError = error
  })
  // Failing the first time is no reason to give up: the connection goes on trying, and `wake` sees its state.
  const connected = client.connect().catch(() => undefined)
  // BullMQ prepares itself once, on a connection that works; a failed preparation is thrown away and repeated.
  let opened: Promise<Queue> | undefined
  const queue = async () => {
    await connected
    if (client.status !== 'ready') throw lastError ?? new Error('the connection is down')
    opened ??= openQueue(client, options.instance)
    try {
      return await opened
    } catch (error) {
      opened = undefined
      throw error
    }
  }
  return {
    async wake(taskId, reason) {
      try {
        await addWakeUp(await queue(), taskId, reason)
      } catch (error) {
        throw toLedgerError(error, redisAddress(options.redisUrl), lastError)
      }
    },
    async close() {
      const open = await opened?.catch(() => undefined)
      await open?.close()
      await closeConnection(client)
    },
  }
}

async function openQueue(client: ReturnType<typeof createCommandConnection>, instance: string): Promise<Queue> {
  const queue = new Queue(QUEUE_NAME, {
    connection: client,
    prefix: queuePrefixFor(instance),
    // Nobody reads BullMQ's event stream; the ledger has its own.
    streams: { events: { maxLen: 100 } },
  })
  // The connection's own listener keeps the error; without one here BullMQ would end the process.
  queue.on('error', () => undefined)
  try {
    await queue.waitUntilReady()
    return queue
  } catch (error) {
    await queue.close()
    throw error
  }
}

/**
 * While a task's job waits, another wake-up adds nothing; while it runs, one further run follows. No delay, priority
 * or id of our own: each of them lets one job swallow another (ENVIRONMENT.md, traps of BullMQ 6.7).
 */
async function addWakeUp(queue: Queue, taskId: TaskId, reason: string): Promise<void> {
  const wakeUp: WakeUp = wakeUpSchema.parse({ taskId, reason: reason.slice(0, 100) })
  await queue.add(JOB_NAME, wakeUp, {
    deduplication: { id: taskId, keepLastIfActive: true },
    attempts: 1,
    removeOnComplete: true,
    removeOnFail: true,
  })
}
