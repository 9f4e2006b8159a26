import { join } from 'node:path'
import { DevBotError, type TaskId, taskIdSchema } from '@devbot/contracts'
import { connectLedger, createTaskQueue, type Ledger, type TaskQueue } from '@devbot/queue'
import { fromRoot, loadLedgerConfig } from '../config.ts'

/** Opens the ledger for one command. */
export async function withLedger<T>(work: (ledger: Ledger) => Promise<T>): Promise<T> {
  const config = loadLedgerConfig()
  const ledger = await connectLedger({
    redisUrl: config.redisUrl.reveal(),
    instance: config.instance,
    bodyDirectory: join(fromRoot(config.dataDirectory), 'bodies'),
  })
  try {
    return await work(ledger)
  } finally {
    await ledger.close()
  }
}

/** Opens ledger and queue, for commands that make something happen. */
export function withLedgerAndQueue<T>(work: (ledger: Ledger, queue: TaskQueue) => Promise<T>): Promise<T> {
  return withLedger(async (ledger) => {
    const config = loadLedgerConfig()
    const queue = createTaskQueue({ redisUrl: config.redisUrl.reveal(), instance: config.instance })
    try {
      return await work(ledger, queue)
    } finally {
      await queue.close()
    }
  })
}

/** A task id as typed. Throws `invalid-input` for what is none. */
export function parseTaskId(text: string): TaskId {
  const parsed = taskIdSchema.safeParse(text)
  if (parsed.success) return parsed.data
  throw new DevBotError({
    category: 'invalid-input',
    code: 'task-id',
    message: `expected a task id like t0123456789ab, got "${text.slice(0, 40)}"; devbot tasks lists them`,
  })
}

/** Throws `invalid-input`: there is no such task. */
export function unknownTask(taskId: TaskId): never {
  throw new DevBotError({
    category: 'invalid-input',
    code: 'task-unknown',
    message: `there is no task ${taskId}; devbot tasks lists them`,
  })
}
