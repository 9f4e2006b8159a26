import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLogger, type Logger } from '@devbot/config'
import { repositoryNameSchema, type Task } from '@devbot/contracts'
import { connectLedger, createTaskQueue, type Ledger, type TaskQueue } from '@devbot/queue'
import { startWatcher, type Watcher, type WatcherOptions } from '../start-watcher.ts'

type LogLine = { readonly level: number; readonly msg: string; readonly [fact: string]: unknown }

/** A plan folder with real parts around it: ledger and queue in the given Redis, under an instance of its own. */
export type WatchedFolder = {
  readonly directory: string
  readonly ledger: Ledger
  readonly queue: TaskQueue
  readonly instance: string
  readonly log: Logger
  /** Every line logged so far. */
  readonly logLines: LogLine[]
  readonly at: (name: string) => string
  write(name: string, text: string): Promise<void>
  start(options?: Partial<WatcherOptions>): Promise<Watcher>
  tasks(): Promise<readonly Task[]>
  names(): Promise<readonly string[]>
  close(): Promise<void>
}

export async function openWatchedFolder(redisUrl: string): Promise<WatchedFolder> {
  const directory = await mkdtemp(join(tmpdir(), 'devbot-plans-'))
  const redis = { redisUrl, instance: `test-${randomBytes(6).toString('hex')}` }
  const ledger = await connectLedger(redis)
  const queue = createTaskQueue(redis)
  const logLines: LogLine[] = []
  const destination = { write: (line: string) => void logLines.push(JSON.parse(line)) }
  const log = createLogger({ service: 'watcher', level: 'debug', secrets: [], destination })
  const watchers: Watcher[] = []
  const at = (name: string) => join(directory, name)
  return {
    directory,
    ledger,
    queue,
    instance: redis.instance,
    log,
    logLines,
    at,
    write: (name, text) => writeFile(at(name), text),
    async start(options = {}) {
      const watcher = startWatcher({
        directory,
        ledger,
        queue,
        repositories: { default: repositoryNameSchema.parse('octo-org/hello'), allowed: [] },
        branchPrefix: 'agent/',
        maxFirstStart: 5,
        scanSeconds: 30,
        log,
        ...options,
      })
      watchers.push(watcher)
      await watcher.ready
      return watcher
    },
    tasks: async () => (await ledger.listTasks(5_000)).map(({ task }) => task),
    names: async () => (await readdir(directory)).toSorted(),
    async close() {
      for (const watcher of watchers) await watcher.close()
      await queue.close()
      await ledger.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Waits until a condition holds; fails with what it last saw. */
export async function eventually<T>(
  look: () => Promise<T>,
  holds: (seen: T) => boolean,
  withinMs = 10_000,
): Promise<T> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const seen = await look()
    if (holds(seen)) return seen
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms; last seen: ${JSON.stringify(seen)}`)
    await sleep(20)
  }
}
