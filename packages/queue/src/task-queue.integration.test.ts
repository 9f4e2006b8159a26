import { setTimeout as pause } from 'node:timers/promises'
import { taskIdSchema, type WakeUp } from '@devbot/contracts'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { connectLedger } from './connect-ledger.ts'
import { startSweeper } from './sweeper.ts'
import { createTaskQueue, QUEUE_NAME, queuePrefixFor } from './task-queue.ts'
import { startTaskWorker, type TaskWorkerOptions } from './task-worker.ts'
import { createdTask } from './testing/ledger-fixture.ts'
import { freshInstance, newTaskFor } from './testing/sample-records.ts'
import { type StartedRedis, startRedis } from './testing/start-redis.ts'

const TASK = taskIdSchema.parse('t0123456789ab')
const OTHER = taskIdSchema.parse('tba9876543210')

let redis: StartedRedis
const closers: (() => Promise<void>)[] = []
beforeAll(async () => {
  redis = await startRedis()
})
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})
afterAll(() => redis.stop())

/** Queue and worker of a fresh instance; the worker's default is to remember what it was woken for. */
function openQueue(changes: Partial<TaskWorkerOptions> = {}) {
  const instance = freshInstance()
  const errors: unknown[] = []
  const handled: WakeUp[] = []
  const queue = createTaskQueue({ redisUrl: redis.url, instance })
  closers.push(() => queue.close())
  const startWorker = () => {
    const worker = startTaskWorker({
      redisUrl: redis.url,
      instance,
      concurrency: 2,
      handle: async (wakeUp) => {
        handled.push(wakeUp)
      },
      onError: (error) => errors.push(error),
      ...changes,
    })
    closers.push(() => worker.close())
    return worker
  }
  return { instance, queue, startWorker, handled, errors }
}

describe('TaskQueue', () => {
  it('wakes the worker with the task and the reason', async () => {
    const { queue, startWorker, handled } = openQueue()
    startWorker()
    await queue.wake(TASK, 'accepted')
    await vi.waitFor(() => expect(handled).toEqual([{ taskId: TASK, reason: 'accepted' }]))
  })

  it('runs a waiting task once however often it is woken', async () => {
    const { queue, startWorker, handled } = openQueue()
    await Promise.all(Array.from({ length: 20 }, () => queue.wake(TASK, 'again')))
    await queue.wake(OTHER, 'other')
    startWorker()
    await vi.waitFor(() => expect(handled.map(({ taskId }) => taskId)).toContain(OTHER))
    await pause(200)
    expect(handled.map(({ taskId }) => taskId).sort()).toEqual([TASK, OTHER].sort())
  })

  it('runs a task exactly once more when it is woken five times while it runs', async () => {
    const running = Promise.withResolvers<void>()
    let runs = 0
    const handle = async () => {
      runs += 1
      if (runs === 1) await running.promise
    }
    const { queue, startWorker } = openQueue({ handle })
    startWorker()
    await queue.wake(TASK, 'first')
    await vi.waitFor(() => expect(runs).toBe(1))
    for (let wake = 0; wake < 5; wake++) await queue.wake(TASK, 'while active')
    running.resolve()
    await vi.waitFor(() => expect(runs).toBe(2))
    await pause(300)
    expect(runs).toBe(2)
    await queue.wake(TASK, 'later')
    await vi.waitFor(() => expect(runs).toBe(3))
  })

  it('never runs one task twice at the same time, and others beside it', async () => {
    let [now, most] = [0, 0]
    const handle = async ({ taskId }: WakeUp) => {
      if (taskId !== TASK) return
      now += 1
      most = Math.max(most, now)
      await pause(30)
      now -= 1
    }
    const { queue, startWorker } = openQueue({ handle, concurrency: 4 })
    startWorker()
    for (let wake = 0; wake < 20; wake++) {
      await Promise.all([queue.wake(TASK, 'x'), queue.wake(OTHER, 'x')])
      await pause(10)
    }
    expect(most).toBe(1)
  })

  it('leaves nothing behind of jobs that ended, well or not', async () => {
    let runs = 0
    const handle = async () => {
      runs += 1
      throw new Error('failed')
    }
    const { instance, queue, startWorker } = openQueue({ handle })
    startWorker()
    await queue.wake(TASK, 'x')
    await queue.wake(OTHER, 'x')
    await vi.waitFor(() => expect(runs).toBe(2))
    const client = new Redis(redis.url)
    const keys = () => client.keys(`${queuePrefixFor(instance)}:${QUEUE_NAME}:*`)
    await vi.waitFor(async () => {
      const parts = (await keys()).map((key) => key.split(':').at(-1) ?? '')
      expect(parts.filter((part) => /^\d+$/.test(part) || part.startsWith('t'))).toEqual([])
    })
    client.disconnect()
  })

  it('fails soon while Redis is away and wakes again once it is back', async () => {
    const { queue, startWorker, handled } = openQueue()
    startWorker()
    await queue.wake(TASK, 'before')
    await vi.waitFor(() => expect(handled).toHaveLength(1))
    await redis.kill()
    const startedAt = performance.now()
    await expect(queue.wake(TASK, 'away')).rejects.toMatchObject({ category: 'transient', code: 'ledger-unavailable' })
    expect(performance.now() - startedAt).toBeLessThan(3_000)
    await redis.restart()
    await vi.waitFor(() => queue.wake(TASK, 'after'), { timeout: 5_000 })
    await vi.waitFor(() => expect(handled.at(-1)?.reason).toBe('after'), { timeout: 10_000 })
  })

  it('starts while Redis is away', async () => {
    await redis.kill()
    const { queue, startWorker, handled, errors } = openQueue()
    startWorker()
    await expect(queue.wake(TASK, 'away')).rejects.toMatchObject({ category: 'transient' })
    await pause(1_500)
    await redis.restart()
    await vi.waitFor(() => queue.wake(TASK, 'after'), { timeout: 5_000 })
    await vi.waitFor(() => expect(handled).toHaveLength(1), { timeout: 10_000 })
    expect(errors.length).toBeLessThanOrEqual(2)
    for (const error of errors) expect(error).toMatchObject({ category: 'transient' })
  })
})

describe('startTaskWorker', () => {
  it('drops a job that is not a wake-up and says so', async () => {
    const { instance, startWorker, handled, errors } = openQueue()
    startWorker()
    const connection = new Redis(redis.url, { maxRetriesPerRequest: null })
    const forger = new Queue(QUEUE_NAME, { connection, prefix: queuePrefixFor(instance) })
    await forger.add('wake-up', { taskId: '../../etc', reason: 'x', repository: 'evil/evil' })
    await vi.waitFor(() => expect(errors).toMatchObject([{ code: 'job-invalid', category: 'invalid-input' }]))
    expect(handled).toEqual([])
    await forger.close()
    connection.disconnect()
  })

  it('aborts what runs when it closes and waits for it to end', async () => {
    let ended = false
    const started = Promise.withResolvers<void>()
    const handle = async (_wakeUp: WakeUp, signal: AbortSignal) => {
      started.resolve()
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      await pause(100)
      ended = true
    }
    const { queue, startWorker } = openQueue({ handle })
    const worker = startWorker()
    await queue.wake(TASK, 'x')
    await started.promise
    await worker.close()
    expect(ended).toBe(true)
  })

  it('closes within seconds while Redis is away', async () => {
    const { startWorker } = openQueue()
    const worker = startWorker()
    await pause(100)
    await redis.kill()
    const startedAt = performance.now()
    await worker.close()
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    await redis.restart()
  })

  it('takes up again, soon, what a worker that died was working on', async () => {
    const { instance, queue, startWorker, handled } = openQueue()
    // A job that a dead worker left: active, and its lock gone.
    await queue.wake(TASK, 'x')
    const client = new Redis(redis.url)
    const base = `${queuePrefixFor(instance)}:${QUEUE_NAME}`
    await client.lmove(`${base}:wait`, `${base}:active`, 'RIGHT', 'LEFT')
    await client.del(`${base}:marker`)
    client.disconnect()
    startWorker()
    await vi.waitFor(() => expect(handled).toHaveLength(1), { timeout: 20_000 })
  })
})

describe('startSweeper', () => {
  it('wakes a due task again when its handler threw', async () => {
    let runs = 0
    const errors: unknown[] = []
    const { instance, queue, startWorker } = openQueue({
      handle: async () => {
        runs += 1
        throw new Error(`run ${runs} failed`)
      },
      onError: (error) => errors.push(error),
    })
    const ledger = await connectLedger({ redisUrl: redis.url, instance })
    closers.push(() => ledger.close())
    await createdTask(ledger, newTaskFor('plan'))
    startWorker()
    const sweeper = startSweeper({ ledger, queue, periodMs: 50, batch: 10, onError: (error) => errors.push(error) })
    closers.push(() => sweeper.close())
    await vi.waitFor(() => expect(runs).toBeGreaterThanOrEqual(3), { timeout: 5_000 })
    expect(errors[0]).toMatchObject({ message: 'run 1 failed' })
  })

  it('wakes at most a batch per round, the most urgent first, and does not double what waits', async () => {
    const { instance, queue } = openQueue()
    const ledger = await connectLedger({ redisUrl: redis.url, instance })
    closers.push(() => ledger.close())
    for (let number = 0; number < 6; number++) {
      const priority = number === 5 ? 'critical' : 'low'
      await createdTask(ledger, newTaskFor(`${number}`, { planPath: `${number}.md`, priority }))
    }
    const sweeper = startSweeper({ ledger, queue, periodMs: 20, batch: 2, onError: () => undefined })
    await pause(300)
    await sweeper.close()
    const client = new Redis(redis.url)
    expect(await client.llen(`${queuePrefixFor(instance)}:${QUEUE_NAME}:wait`)).toBe(2)
    client.disconnect()
  })

  it('goes on after Redis was away', async () => {
    const errors: unknown[] = []
    const { instance, queue, startWorker, handled } = openQueue()
    const ledger = await connectLedger({ redisUrl: redis.url, instance })
    closers.push(() => ledger.close())
    startWorker()
    const task = await createdTask(ledger, newTaskFor('plan'))
    await redis.kill()
    const sweeper = startSweeper({ ledger, queue, periodMs: 50, batch: 2, onError: (error) => errors.push(error) })
    closers.push(() => sweeper.close())
    await vi.waitFor(() => expect(errors[0]).toMatchObject({ code: 'ledger-unavailable' }), { timeout: 5_000 })
    await redis.restart()
    await vi.waitFor(() => expect(handled[0]).toMatchObject({ taskId: task.id }), { timeout: 10_000 })
  })
})
