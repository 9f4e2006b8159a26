import { type ErrorCode, isErrorCode } from './error-catalogue.ts'
import type { FeedbackItem } from './feedback.ts'
import { planHashSchema } from './ids.ts'
import type { InboxItem } from './inbox.ts'
import { type Task, taskEnded } from './task.ts'

/** Attempts in a row that may end in a passing trouble before a person is asked: with `backoffMs` about an hour and a half. */
export const MAX_FAILED_ATTEMPTS = 24

export type FoldedInbox = {
  readonly task: Task
  /** Feedback that arrived by webhook, in order of arrival. */
  readonly feedback: readonly FeedbackItem[]
  /** The newest edited text, to be stored as the task's plan text. */
  readonly planText?: string
}

/**
 * Takes everything in the inbox into the task. Pure, and safe to repeat: folding the same items again changes nothing
 * more. A cancel wins over whatever comes with it, in any order. Feedback is handed on unjudged; whether its author may
 * steer is asked from GitHub at the moment of use.
 */
export function foldInbox(task: Task, inbox: readonly InboxItem[], nowMs: number): FoldedInbox {
  let next = task
  let planText: string | undefined
  const feedback: FeedbackItem[] = []
  for (const item of inbox) {
    if (item.kind === 'feedback') feedback.push(item.item)
    if (item.kind === 'plan-edited' && !taskEnded(next)) planText = item.planText
    next = foldItem(next, item, nowMs)
  }
  for (const item of inbox.filter(isCancel)) next = foldItem(next, item, nowMs)
  return { task: next, feedback, ...(planText === undefined ? {} : { planText }) }
}

function isCancel({ kind }: InboxItem): boolean {
  return kind === 'plan-cancelled' || kind === 'cancel-requested'
}

function foldItem(task: Task, item: InboxItem, nowMs: number): Task {
  switch (item.kind) {
    case 'feedback':
    // Its author's right has to be asked first; the owner then folds what it asks for.
    case 'comment-command':
      return task
    case 'plan-moved':
      return { ...task, planPath: item.planPath }
    case 'plan-edited':
      if (taskEnded(task) || task.planHash === item.planHash) return task
      // Before anything is published the next run simply starts from the new text; after that, the edit is feedback.
      return {
        ...task,
        planHash: planHashSchema.parse(item.planHash),
        planEdited: task.pullRequest !== undefined || task.publication !== undefined,
        failedAttempts: 0,
      }
    case 'plan-cancelled':
      return endTask(task, 'cancelled', 'the plan file says status: cancelled', nowMs)
    case 'cancel-requested':
      return endTask(task, 'cancelled', `cancelled by ${item.by}`, nowMs)
    case 'start-requested':
      return startTask(task)
    case 'pause-requested':
      return pauseTask(task, item.by)
    case 'retry-requested':
      return retryTask(task)
    case 'pull-request':
      if (task.pullRequest !== undefined && task.pullRequest.number !== item.pullNumber) return task
      return foldPullRequestEvent(task, item, nowMs)
  }
}

function foldPullRequestEvent(task: Task, item: Extract<InboxItem, { kind: 'pull-request' }>, nowMs: number): Task {
  if (item.action === 'merged') return endTask(task, 'merged', `merged by ${item.actor}`, nowMs)
  if (item.action === 'closed') return endTask(task, 'closed', `closed by ${item.actor}`, nowMs)
  return reviveTask(task)
}

/** An ended task stays as it ended; the first ending wins. */
export function endTask(
  task: Task,
  status: 'merged' | 'closed' | 'cancelled' | 'no-change' | 'given-up',
  reason: string,
  nowMs: number,
): Task {
  // A merge after a close is the one correction: GitHub reports a merge as a close first in some deliveries.
  if (taskEnded(task) && !(task.status === 'closed' && status === 'merged')) return task
  const { notBeforeMs: _wait, pausedBy: _paused, statusCode: _code, ...rest } = task
  return { ...rest, status, statusReason: reason, endedAtMs: nowMs, failedAttempts: 0, reportDue: true }
}

/** The task waits for a person, who reads `reason` and says `devbot start`. Nothing of it is lost meanwhile. */
export function holdTask(task: Task, reason: string, code?: ErrorCode): Task {
  const { notBeforeMs: _wait, adoption, ...rest } = withReason(task, reason, code)
  return {
    ...rest,
    status: 'held',
    failedAttempts: 0,
    reportDue: true,
    ...(adoption === undefined ? {} : { adoption: 'when-started' }),
  }
}

/** Why the task is where it is, for a person; `code` where an error is behind it. */
export function withReason(task: Task, statusReason: string, code?: ErrorCode): Task {
  const { statusCode: _before, ...rest } = task
  return { ...rest, statusReason, ...(code === undefined ? {} : { statusCode: code }) }
}

/** The code behind `statusReason`; undefined where there is none, or one that only a newer DevBot knows. */
export function statusCodeOf({ statusCode = '' }: Pick<Task, 'statusCode'>): ErrorCode | undefined {
  return isErrorCode(statusCode) ? statusCode : undefined
}

/** What is held already waits for its own reason. */
function pauseTask(task: Task, by: string): Task {
  if (taskEnded(task) || task.status === 'held') return task
  return { ...holdTask(task, `paused by ${by}`), pausedBy: by }
}

function startTask(task: Task): Task {
  if (task.status !== 'held') return task
  return { ...underWay(task), failedAttempts: 0 }
}

/** A reopened pull request brings a closed task back. */
export function reviveTask(task: Task): Task {
  if (task.status !== 'closed' || task.pullRequest === undefined) return task
  return { ...underWay(task), reportDue: true }
}

/** Whether `devbot retry` brings an ended task back: what was merged, closed or found needless stays as it ended. */
export function taskRetryable({ status }: Pick<Task, 'status'>): boolean {
  return status === 'given-up' || status === 'cancelled'
}

/** A person wants what ended without a result to go on, from the last thing that was kept of it. */
function retryTask(task: Task): Task {
  if (!taskRetryable(task)) return startTask(task)
  return { ...underWay(task), failedAttempts: 0, reportDue: true }
}

/** The task with something owed again, and nothing said of why it was not. */
function underWay(task: Task): Task {
  const { endedAtMs: _ended, statusReason: _reason, statusCode: _code, pausedBy: _paused, adoption, ...rest } = task
  return {
    ...rest,
    status: task.pullRequest === undefined ? 'ready' : 'in-review',
    ...(adoption === undefined ? {} : { adoption: 'due' }),
  }
}

/** What the task is once it was asked for on GitHub, found or not. */
export function adoptionDone({ adoption: _asked, ...task }: Task): Task {
  return task
}

export type Decision =
  /** Nothing to do until something happens. */
  | { readonly kind: 'rest' }
  | { readonly kind: 'wait'; readonly untilMs: number; readonly reason: string }
  /** A push was announced and perhaps made: carry on from there. */
  | { readonly kind: 'complete-publication' }
  /** An earlier ledger may have left work for this plan on GitHub: look for it before anything is begun. */
  | { readonly kind: 'adopt' }
  | { readonly kind: 'implement' }
  /** Look at the pull request on GitHub, and work off what a person asked for. */
  | { readonly kind: 'review' }
  /** A person may reopen a closed pull request, or end that of a held task. The next look comes at the earliest then. */
  | { readonly kind: 'look-at-ending'; readonly nextMs: number }
  | { readonly kind: 'hold'; readonly reason: string }
  /** Something happened that the report beside the plan does not say yet. */
  | { readonly kind: 'report' }

/** What the owner of a task does next. Pure: a function of the record and the time. */
export function decideNext(task: Task, nowMs: number): Decision {
  const exhausted = task.failedAttempts >= MAX_FAILED_ATTEMPTS
  // A held task is looked for, too: what goes on with an open pull request needs nobody to start it.
  const adopts = task.adoption === 'due' && !taskEnded(task)
  const resting = taskEnded(task) || (task.status === 'held' && !adopts)
  if (resting && (exhausted || !task.reportDue)) return decideResting(task, nowMs)
  if (exhausted)
    return { kind: 'hold', reason: `${task.failedAttempts} attempts in a row failed; ${task.statusReason ?? ''}` }
  if (task.notBeforeMs !== undefined && task.notBeforeMs > nowMs) {
    return { kind: 'wait', untilMs: task.notBeforeMs, reason: 'backoff' }
  }
  if (adopts) return { kind: 'adopt' }
  if (task.reportDue) return { kind: 'report' }
  if (task.publication !== undefined) return { kind: 'complete-publication' }
  return task.pullRequest === undefined ? { kind: 'implement' } : { kind: 'review' }
}

/** For how long after its end a closed pull request is looked at by itself; after that only a webhook tells of a reopening. */
const WATCH_CLOSED_MS = 7 * 24 * 3_600_000

/** The longer it is closed, the more seldom it is looked at: after an hour every quarter of an hour, after a day every six. */
function decideResting(task: Task, nowMs: number): Decision {
  if (task.pullRequest === undefined) return { kind: 'rest' }
  if (task.status === 'held') return { kind: 'look-at-ending', nextMs: 0 }
  const closedMs = nowMs - (task.endedAtMs ?? 0)
  if (task.status !== 'closed' || closedMs > WATCH_CLOSED_MS) return { kind: 'rest' }
  return { kind: 'look-at-ending', nextMs: Math.ceil(Math.max(0, closedMs) / 4) }
}

/** Wait before attempt `failedAttempts + 1`: 5 s doubling to 5 min, plus up to a fifth of jitter (`random` in 0..1). */
export function backoffMs(failedAttempts: number, random: number): number {
  const baseMs = Math.min(5_000 * 2 ** Math.max(0, failedAttempts - 1), 300_000)
  return Math.round(baseMs * (1 + random / 5))
}
