import { QueueEvents } from 'bullmq'

/** As packages/queue/src/task-queue.ts names them; a bench looks at the queue from outside. */
const QUEUE_NAME = 'tasks'
const prefixFor = (instance: string) => `devbot:${instance}:queue`

export type SeenJob = {
  /** When this process saw it (performance.now()). */
  readonly seenAt: number
  /** When Redis wrote it, UTC milliseconds of Redis' clock. */
  readonly atMs: number
}

export type JobWatch = {
  /** The next job that gets into this state. To be asked for before what causes it. */
  readonly next: (state: 'added' | 'active') => Promise<SeenJob>
  /** Every job that got into this state so far, oldest first. */
  readonly seen: (state: 'added' | 'active') => readonly SeenJob[]
  readonly close: () => Promise<void>
}

/** Follows the queue's own event stream from now on. */
export async function watchJobs(redisUrl: string, instance: string): Promise<JobWatch> {
  const { hostname, port } = new URL(redisUrl)
  const events = new QueueEvents(QUEUE_NAME, {
    connection: { host: hostname, port: Number(port), maxRetriesPerRequest: null },
    prefix: prefixFor(instance),
  })
  // Redis is stopped at the end, sometimes a moment before this connection.
  events.on('error', () => undefined)
  await events.waitUntilReady()
  const all: Record<'added' | 'active', SeenJob[]> = { added: [], active: [] }
  const waiting: Record<'added' | 'active', ((job: SeenJob) => void)[]> = { added: [], active: [] }
  const note = (state: 'added' | 'active', eventId: string) => {
    const job = { seenAt: performance.now(), atMs: Number(eventId.split('-')[0]) }
    all[state].push(job)
    for (const resolve of waiting[state].splice(0)) resolve(job)
  }
  events.on('added', (_job, id) => note('added', id))
  events.on('active', (_job, id) => note('active', id))
  return {
    next: (state) => new Promise((resolve) => waiting[state].push(resolve)),
    seen: (state) => all[state],
    close: () => events.close(),
  }
}
