import { setTimeout as sleep } from 'node:timers/promises'
import { DevBotError, type WakeUp, wakeUpSchema } from '@devbot/contracts'
import { Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import { z } from 'zod'
import { closeConnection, createBlockingConnection } from './redis/connect-redis.ts'
import { toLedgerError } from './redis/redis-errors.ts'
import { redisAddress } from './redis/redis-url.ts'
import { QUEUE_NAME, queuePrefixFor } from './task-queue.ts'

/** A worker that dies is noticed after lock and check together; longer than any pause of a healthy event loop. */
const LOCK_MS = 15_000
const STALLED_CHECK_MS = 5_000
/** Pause after Redis refused to give a job; BullMQ's own 15 s would be felt after every restart of Redis. */
const RETRY_MS = 1_000
/** What closing may take once all handlers have ended; with Redis away, BullMQ would wait for it without end. */
const CLOSE_MS = 3_000

export type TaskWorkerOptions = {
  readonly redisUrl: string
  readonly instance: string
  /** Tasks worked on at the same time. */
  readonly concurrency: number
  /**
   * Works on a task until nothing is due. The signal aborts when the worker closes. What it throws goes to `onError`
   * and ends nothing: the ledger's due time brings the task back. May run twice at the same time for one task
   * (a stalled job), so it takes the task in the ledger first.
   */
  readonly handle: (wakeUp: WakeUp, signal: AbortSignal) => Promise<void>
  readonly onError: (error: unknown, wakeUp?: WakeUp) => void
}

/** Starts taking wake-ups. `close` takes no more, aborts the running handlers and resolves when they have ended. */
export function startTaskWorker(options: TaskWorkerOptions): { close(): Promise<void> } {
  const client = createBlockingConnection({ ...options, name: 'worker' })
  const closing = new AbortController()
  const running = new Set<Promise<void>>()
  const worker = new Worker(
    QUEUE_NAME,
    // BullMQ makes the signal only for a processor that declares all three parameters.
    async (job, _token, signal) => {
      const signals = signal === undefined ? [closing.signal] : [closing.signal, signal]
      const work = handleJob(job.data, AbortSignal.any(signals), options)
      running.add(work)
      await work.finally(() => running.delete(work))
    },
    { ...workerSettings(options), connection: client },
  )
  const report = oncePerOutage(client, options)
  worker.on('error', report)
  worker.on('failed', (_job, error) => report(error))
  void keepRunning(worker, closing.signal, report)

  const close = async () => {
    const ended = worker.close()
    closing.abort(new DevBotError({ category: 'cancelled', code: 'shutdown', message: 'the worker is stopping' }))
    while (running.size > 0) await Promise.all(running)
    await Promise.race([ended, sleep(CLOSE_MS, undefined, { ref: false })])
    await closeConnection(client)
  }
  let closed: Promise<void> | undefined
  return {
    close: () => {
      closed ??= close()
      return closed
    },
  }
}

function workerSettings({ instance, concurrency }: TaskWorkerOptions) {
  return {
    prefix: queuePrefixFor(instance),
    concurrency,
    autorun: false,
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_CHECK_MS,
    runRetryDelay: RETRY_MS,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  }
}

/** BullMQ's loop does not start again by itself when its first steps fail (Redis full, or loading). */
async function keepRunning(worker: Worker, signal: AbortSignal, report: (error: unknown) => void): Promise<void> {
  while (!signal.aborted) {
    try {
      await worker.run()
    } catch (error) {
      report(error)
    }
    await sleep(RETRY_MS, undefined, { signal, ref: false }).catch(() => undefined)
  }
}

/** Translates errors, and tells of an outage once instead of with every attempt to come back. */
function oncePerOutage(client: Redis, { redisUrl, onError }: TaskWorkerOptions): (error: unknown) => void {
  let outageReported = false
  client.on('ready', () => {
    outageReported = false
  })
  return (error) => {
    const translated = toLedgerError(error, redisAddress(redisUrl))
    const isOutage = translated.code === 'ledger-unavailable' && client.status !== 'ready'
    if (isOutage && outageReported) return
    outageReported = isOutage
    onError(translated)
  }
}

async function handleJob(data: unknown, signal: AbortSignal, { handle, onError }: TaskWorkerOptions): Promise<void> {
  const wakeUp = wakeUpSchema.safeParse(data)
  if (!wakeUp.success) {
    onError(invalidJob(wakeUp.error))
    return
  }
  try {
    await handle(wakeUp.data, signal)
  } catch (error) {
    onError(error, wakeUp.data)
  }
}

function invalidJob(error: z.ZodError): DevBotError {
  return new DevBotError({
    category: 'invalid-input',
    code: 'job-invalid',
    message: `dropped a job that is not a wake-up, which DevBot does not write: ${z.prettifyError(error).slice(0, 500)}`,
    cause: error,
  })
}
