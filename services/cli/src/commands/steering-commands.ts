import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { basename, join } from 'node:path'
import { type InboxItem, parsePlan, type Task, type TaskId, taskEnded, taskRetryable } from '@devbot/contracts'
import type { Ledger } from '@devbot/queue'
import { fromRoot, loadPlanConfig } from '../config.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Output } from '../output.ts'
import { parseTaskId, unknownTask, withLedgerAndQueue } from './with-ledger.ts'

/** What a person wants of one task; `item` goes into its inbox, unless `refuse` says what to do instead. */
type Steering = {
  readonly refuse: (task: Task, ledger: Ledger) => Promise<string | undefined> | string | undefined
  readonly item: (id: string, by: string) => InboxItem
  readonly said: string
}

const CANCEL: Steering = {
  refuse: (task) => (taskEnded(task) ? `it has ended already: ${statusOf(task)}` : undefined),
  item: (id, by) => ({ kind: 'cancel-requested', id, by }),
  said: 'cancelled: what runs is stopped within seconds, and nothing more is pushed or written',
}

const PAUSE: Steering = {
  refuse: (task) => {
    if (taskEnded(task)) return `it has ended: ${statusOf(task)}`
    return task.status === 'held' ? `it waits already: ${statusOf(task)}` : undefined
  },
  item: (id, by) => ({ kind: 'pause-requested', id, by }),
  said: 'paused: what runs is stopped and goes on later where it was, by devbot resume',
}

const RESUME: Steering = {
  refuse: (task) => {
    if (taskEnded(task))
      return `it has ended: ${statusOf(task)}; devbot retry brings back what was cancelled or given up`
    return task.status === 'held' ? undefined : `it is not paused: ${statusOf(task)}`
  },
  item: (id) => ({ kind: 'start-requested', id }),
  said: 'goes on where it was',
}

const RETRY: Steering = {
  refuse: whyNotRetried,
  item: (id, by) => ({ kind: 'retry-requested', id, by }),
  said: 'is taken up again, with what was kept of its work',
}

export const cancelTask = (output: Output, id: string) => steer(output, id, CANCEL)
export const pauseTask = (output: Output, id: string) => steer(output, id, PAUSE)
export const resumeTask = (output: Output, id: string) => steer(output, id, RESUME)
export const retryTask = (output: Output, id: string) => steer(output, id, RETRY)

/** Puts a person's word into the task's inbox; its worker hears of it within a second. */
async function steer(output: Output, text: string, { refuse, item, said }: Steering): Promise<ExitCode> {
  const taskId = parseTaskId(text)
  return withLedgerAndQueue(async (ledger, queue) => {
    const task = (await ledger.details(taskId))?.task
    if (task === undefined) return unknownTask(taskId)
    const refused = await refuse(task, ledger)
    if (refused !== undefined) return answer(output, taskId, { done: false, why: refused })
    const wanted = item(`cli-${randomUUID()}`, whoAmI())
    await ledger.addToInbox(taskId, wanted)
    await queue.wake(taskId, wanted.kind)
    return answer(output, taskId, { done: true, why: `${task.title} ${said}` })
  })
}

function answer(output: Output, taskId: TaskId, result: { readonly done: boolean; readonly why: string }): ExitCode {
  output.answer({ task: taskId, ...result }, () => `${taskId}: ${result.why}`)
  return result.done ? EXIT.done : EXIT.needsPerson
}

/** What a task that cannot be retried needs instead. */
async function whyNotRetried(task: Task, ledger: Ledger): Promise<string | undefined> {
  if (task.status === 'held') return undefined
  if (!taskEnded(task)) return `it has not ended: ${statusOf(task)}; what failed is tried again by itself`
  if (!taskRetryable(task))
    return `${statusOf(task)}; ${INSTEAD[task.status] ?? 'edit the plan: that starts a new task'}`
  const newest = await ledger.planTaskAt(task.repository, task.planPath)
  if (newest !== undefined && newest.id !== task.id) {
    return `the plan was edited since and has a newer task, ${newest.id}: that one goes on with it`
  }
  if (await planSaysCancelled(task)) {
    return `${task.planPath} still says status: cancelled; set it to ready: that starts a new task`
  }
  // Throws, with what to do, for a task that was shrunk to a summary.
  await ledger.planText(task.id)
  return undefined
}

const INSTEAD: Partial<Record<Task['status'], string>> = {
  merged: 'edit the plan to have more done: that starts a new task',
  closed: 'reopen the pull request on GitHub to go on with it, or edit the plan to start anew',
  'no-change': 'say in the plan what should change: that starts a new task',
}

/** A plan file that is gone or cannot be read says nothing. */
async function planSaysCancelled({ planPath }: Task): Promise<boolean> {
  try {
    const content = await readFile(join(fromRoot(loadPlanConfig().plansDirectory), planPath))
    const parsed = parsePlan(content, basename(planPath))
    return parsed.ok && parsed.plan.status === 'cancelled'
  } catch {
    // The task has the plan's text; the file is only asked whether a person wants the opposite.
    return false
  }
}

function statusOf({ status, statusReason }: Task): string {
  return statusReason === undefined ? status : `${status} (${statusReason})`
}

/** Who sits at the command line, for others to read; inside compose it is the container's user. */
export function whoAmI(): string {
  try {
    return `${userInfo().username.slice(0, 60)} (command line)`
  } catch {
    // This user has no name on this machine.
    return `user ${process.getuid?.() ?? '?'} (command line)`
  }
}
