import { randomUUID } from 'node:crypto'
import {
  DevBotError,
  type InboxItem,
  type Task,
  type TaskEvent,
  type TaskId,
  type TaskProgress,
} from '@devbot/contracts'
import type { NextLook, Ownership } from '@devbot/queue'
import type { WorkerDeps } from './deps.ts'
import { hearCommands } from './hear-commands.ts'

/** Before the end of the lease, when the owner stops by itself: somebody else may take the task at that moment. */
const LEASE_MARGIN_MS = 2_000
/** How often the lease is renewed and the inbox looked at: a cancel is heard within a second. */
const HEARTBEAT_MS = 500

/** Inbox kinds that may end or hold the task: a run under way stops for them. */
const STOPPING_KINDS: readonly InboxItem['kind'][] = [
  'plan-cancelled',
  'cancel-requested',
  'pause-requested',
  'pull-request',
]

/**
 * A task held by this worker. `task` is the newest record; every write goes through here and is refused once somebody
 * else owns the task. `signal` aborts when ownership is lost, the worker shuts down, everything is paused, or the task may have been
 * ended or paused.
 */
export type OwnedTask = {
  readonly ownership: Ownership
  readonly task: Task
  readonly signal: AbortSignal
  /** Whether an item of this kind waits in the inbox, as of the last heartbeat. */
  readonly waits: (kind: InboxItem['kind']) => boolean
  readonly save: (
    task: Task,
    taken?: { readonly inboxIds?: readonly string[]; readonly planText?: string },
  ) => Promise<Task>
  readonly record: (event: TaskEvent, progress?: TaskProgress) => Promise<void>
  /**
   * Asked right before each effect on GitHub: renews the lease and looks into the inbox. Throws what stops the task, so
   * that nothing is done after a cancel, a close or a takeover.
   */
  readonly mayAct: () => Promise<void>
  /** The newest record from the ledger, after a write whose fate is unknown. */
  readonly reload: () => Promise<Task>
  /** The signal again, after a stop that was only for looking into the inbox; what else stops the task still does. */
  readonly rearm: () => void
}

/** Takes the task, keeps the lease while `work` runs, and gives it back as `work` says. */
export async function ownTask(
  deps: Pick<WorkerDeps, 'ledger' | 'github' | 'settings' | 'log' | 'activity'>,
  taskId: TaskId,
  shutdown: AbortSignal,
  work: (owned: OwnedTask) => Promise<NextLook | undefined>,
): Promise<'done' | 'busy' | 'paused' | 'unknown'> {
  const { ledger, settings, log } = deps
  const { leaseMs } = settings
  // Unique per execution: a job that runs twice in one process must not take the task from itself.
  const taken = await ledger.take(taskId, `${settings.owner}-${randomUUID().slice(0, 8)}`, leaseMs)
  if (taken.kind !== 'taken') return taken.kind
  const { ownership } = taken
  using _underWay = deps.activity.taskBegan(taskId)
  const snapshot = await ledger.snapshot(taskId)
  if (snapshot === undefined) return 'unknown'

  let task = snapshot.task
  let waiting: readonly InboxItem['kind'][] = []
  let stop = new AbortController()
  const stopForShutdown = () => stop.abort(stopReason('worker-stopping', 'the worker is shutting down'))
  shutdown.addEventListener('abort', stopForShutdown)
  if (shutdown.aborted) stopForShutdown()

  const stopToLook = () => stop.abort(stopReason('task-may-have-ended', 'the task may have ended'))
  const commands = hearCommands(deps, () => task, stopToLook)

  let isPaused = false
  const stopForPause = () => stop.abort(stopReason('everything-paused', 'everything was paused'))
  let renewedAtMs = performance.now()
  const beat = async () => {
    const askedAtMs = performance.now()
    const heartbeat = await ledger.heartbeat(ownership, leaseMs)
    renewedAtMs = askedAtMs
    waiting = heartbeat.inboxKinds
    isPaused = heartbeat.paused
    if (!heartbeat.held) stop.abort(stopReason('ownership-lost', 'another worker owns the task'))
    else if (waiting.some((kind) => STOPPING_KINDS.includes(kind))) stopToLook()
    else if (isPaused) stopForPause()
    if (waiting.includes('comment-command')) commands.mayHave(heartbeat.inboxSequence)
  }
  const heart = keepBeating(beat, (error) => {
    log.warn({ taskId, error }, 'the lease could not be renewed; trying again')
    if (performance.now() - renewedAtMs > leaseMs - LEASE_MARGIN_MS) {
      stop.abort(stopReason('ownership-lost', 'the lease could not be renewed in time'))
    }
  })
  try {
    const next = await work({
      ownership,
      get task() {
        return task
      },
      get signal() {
        return stop.signal
      },
      waits: (kind) => waiting.includes(kind),
      save: async (newer, taking) => {
        task = await ledger.save(ownership, newer, taking)
        return task
      },
      record: (event, progress) => ledger.recordEvent(ownership, event, progress),
      mayAct: async () => {
        await beat()
        if (waiting.includes('comment-command')) await commands.heard()
        if (stop.signal.aborted) throw stop.signal.reason
      },
      reload: async () => {
        task = (await ledger.snapshot(taskId))?.task ?? task
        return task
      },
      rearm: () => {
        waiting = []
        stop = new AbortController()
        if (shutdown.aborted) stopForShutdown()
        else if (isPaused) stopForPause()
      },
    })
    await heart.stop()
    await ledger.release(ownership, next)
    return 'done'
  } finally {
    await heart.stop()
    shutdown.removeEventListener('abort', stopForShutdown)
  }
}

/** Why a run was stopped from outside; read by code, never by text. */
export function stopReason(
  code: 'worker-stopping' | 'everything-paused' | 'ownership-lost' | 'task-may-have-ended',
  message: string,
): DevBotError {
  return new DevBotError({ category: 'cancelled', code, message })
}

/** One beat after the other, never two at once. A failing beat is reported and tried again: the lease decides. */
function keepBeating(
  beat: () => Promise<void>,
  onError: (error: unknown) => void,
): { readonly stop: () => Promise<void> } {
  let stopped = false
  let wake: () => void = () => undefined
  const loop = async () => {
    while (!stopped) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, HEARTBEAT_MS)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      if (stopped) return
      await beat().catch(onError)
    }
  }
  const running = loop()
  return {
    stop: async () => {
      stopped = true
      wake()
      await running
    },
  }
}
