import { setTimeout as sleep } from 'node:timers/promises'
import type { TaskQueue, WorkerLedger } from './ledger.ts'

export type SweeperOptions = {
  readonly ledger: Pick<WorkerLedger, 'dueTasks'>
  readonly queue: Pick<TaskQueue, 'wake'>
  /** Pause between two rounds; also the longest that a due task waits for its wake-up. */
  readonly periodMs: number
  /** Most tasks woken per round; the most urgent first. A task that already waits in the queue is not doubled. */
  readonly batch: number
  readonly onError: (error: unknown) => void
}

/**
 * Wakes every task that the ledger says is due, again and again until its owner takes it: so no lost, failed or stalled
 * job ever loses a task. `close` resolves when the round under way has ended.
 */
export function startSweeper(options: SweeperOptions): { close(): Promise<void> } {
  const stopping = new AbortController()
  const ended = sweepUntil(stopping.signal, options)
  return {
    close: () => {
      stopping.abort()
      return ended
    },
  }
}

async function sweepUntil(signal: AbortSignal, options: SweeperOptions): Promise<void> {
  while (!signal.aborted) {
    await sweepOnce(signal, options)
    // Ends early, by rejecting, only when the sweeper closes.
    await sleep(options.periodMs, undefined, { signal }).catch(() => undefined)
  }
}

/** The first failure ends the round: Redis is away, and the next round begins with everything still due. */
async function sweepOnce(signal: AbortSignal, { ledger, queue, batch, onError }: SweeperOptions): Promise<void> {
  try {
    for (const taskId of await ledger.dueTasks(batch)) {
      if (signal.aborted) return
      await queue.wake(taskId, 'due')
    }
  } catch (error) {
    onError(error)
  }
}
