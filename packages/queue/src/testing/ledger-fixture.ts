import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TaskId } from '@devbot/contracts'
import { connectLedger } from '../connect-ledger.ts'
import type { Ledger, NewTask, Ownership } from '../ledger.ts'
import { freshInstance } from './sample-records.ts'
import { type StartedRedis, startRedis } from './start-redis.ts'

/** A real Redis and, per call of `open`, a ledger of an instance of its own. */
export type LedgerFixture = {
  readonly redis: StartedRedis
  readonly bodyDirectory: string
  open(instance?: string): Promise<Ledger & { readonly instance: string }>
  stop(): Promise<void>
}

export async function startLedgerFixture(): Promise<LedgerFixture> {
  const redis = await startRedis()
  const bodyDirectory = await mkdtemp(join(tmpdir(), 'devbot-bodies-'))
  const ledgers: Ledger[] = []
  return {
    redis,
    bodyDirectory,
    async open(instance = freshInstance()) {
      const ledger = await connectLedger({ redisUrl: redis.url, instance, bodyDirectory })
      ledgers.push(ledger)
      return { ...ledger, instance }
    },
    async stop() {
      await Promise.all(ledgers.map((ledger) => ledger.close()))
      await redis.stop()
      await rm(bodyDirectory, { recursive: true, force: true })
    },
  }
}

/** Creates a task and returns it; fails if there is one already. */
export async function createdTask(ledger: Ledger, newTask: NewTask) {
  const answer = await ledger.createTask(newTask)
  if (answer.kind !== 'created') throw new Error(`expected a created task, got ${answer.kind}`)
  return answer.task
}

/** Takes a task; fails if it is busy. */
export async function takenTask(
  ledger: Ledger,
  taskId: TaskId,
  owner = 'worker-1',
  leaseMs = 30_000,
): Promise<Ownership> {
  const answer = await ledger.take(taskId, owner, leaseMs)
  if (answer.kind !== 'taken') throw new Error(`expected to take the task, it is ${answer.kind}`)
  return answer.ownership
}
