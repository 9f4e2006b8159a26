import {
  backoffMs,
  categoryOf,
  type Decision,
  DevBotError,
  decideNext,
  firstError,
  holdTask,
  statusCodeOf,
  type Task,
  type TaskId,
  taskEnded,
  triesAgain,
  withReason,
} from '@devbot/contracts'
import type { NextLook } from '@devbot/queue'
import { adoptLeftBehind } from './adopt-left-behind.ts'
import { completePublication } from './complete-publication.ts'
import type { WorkerDeps } from './deps.ts'
import { implementPlan } from './implement-plan.ts'
import { lookAtEnding } from './look-at-ending.ts'
import { type OwnedTask, ownTask } from './own-task.ts'
import { recordStatus } from './record-status.ts'
import { reviewPullRequest } from './review-pull-request.ts'
import { writeTaskReport } from './stages/report.ts'
import { takeInInbox, type UnheardCommands } from './take-in-inbox.ts'
import { untilSandboxes } from './until-sandboxes.ts'
import { untilTomorrow } from './until-tomorrow.ts'

/** Steps one wake-up may take before the task goes back to the due set: a bound, far above what any story needs. */
const MAX_STEPS = 50

/** About a minute: what is tried again for an ended task is in no hurry. */
const MAX_BACKOFF_STEP = 5

type Rest = NextLook | undefined

/**
 * Brings a task as far as it can go now: take in what happened, decide, act, until nothing is due. Errors end here:
 * a passing one puts the task off, one that a person has to mend holds it and says what to do.
 */
export async function advanceTask(deps: WorkerDeps, taskId: TaskId, shutdown: AbortSignal): Promise<void> {
  await ownTask(deps, taskId, shutdown, async (owned) => {
    for (let step = 0; step < MAX_STEPS; step++) {
      // What the ledger does not give is not decided upon: the lease runs out, and the next look is by another wake-up.
      const unheard = await takeInInbox(deps, owned)
      const rest = unheard === undefined ? await takeStep(deps, owned) : await stepUnheard(deps, owned, unheard)
      if (rest !== 'go-on') return rest
    }
    const rest = await handleFailure(deps, owned, taskSpins(taskId), owned.task)
    if (rest !== 'go-on') return rest
    // Held, it is not due by itself, or it would spin again: a person who starts it is the next to look.
    return taskEnded(owned.task) || owned.task.status === 'held' ? undefined : laterLook(deps)
  })
}

/** Not soon: nobody waits for it, or what it waits for is not near. */
function laterLook(deps: WorkerDeps): NextLook {
  return { dueAtMs: deps.now() + backoffMs(MAX_BACKOFF_STEP, deps.random()), reason: 'backoff' }
}

/**
 * A step beside commands that wait for GitHub's word on their authors. Before any effect they are asked about again (`mayAct`);
 * when the task rests, it says what they wait for, and they are looked at again in time, not at once.
 */
async function stepUnheard(
  deps: WorkerDeps,
  owned: OwnedTask,
  { error, inboxSequence }: UnheardCommands,
): Promise<Rest | 'go-on'> {
  deps.log.error({ taskId: owned.task.id, error }, 'GitHub did not say who may give commands; they wait in the inbox')
  const later = { ...laterLook(deps), leavesInboxUpTo: inboxSequence }
  if (owned.signal.aborted) {
    const stopped = handleStop(deps, owned, error)
    // One who may give commands stopped the task: it does not go on before that is taken in.
    return stopped === 'go-on' ? later : stopped
  }
  const rest = await takeStep(deps, owned)
  if (rest === 'go-on') return rest
  await saveUnheard(owned, error)
  return rest === undefined || rest.dueAtMs > later.dueAtMs ? later : { ...rest, leavesInboxUpTo: inboxSequence }
}

async function saveUnheard(owned: OwnedTask, error: unknown): Promise<void> {
  const { task } = owned
  // What an ended or held task, or the step itself, has to say goes first.
  if (taskEnded(task) || task.status === 'held' || task.statusReason !== undefined) return
  const code = error instanceof DevBotError ? error.code : 'bug'
  const message = error instanceof Error ? error.message : String(error)
  const reason = `a command on the pull request waits after ${code}: ${message.slice(0, 500)}`
  await owned.save(withReason(task, reason, code))
}

function taskSpins(taskId: TaskId): DevBotError {
  return new DevBotError({
    category: 'bug',
    code: 'task-spins',
    message: `task ${taskId} took ${MAX_STEPS} steps in one wake-up`,
  })
}

/** One decision, one action. */
async function takeStep(deps: WorkerDeps, owned: OwnedTask): Promise<Rest | 'go-on'> {
  const before = owned.task
  try {
    const decision = decideNext(before, deps.now())
    if (decision.kind === 'rest') return undefined
    if (decision.kind === 'wait') return { dueAtMs: decision.untilMs, reason: decision.reason }
    return await act(deps, owned, decision)
  } catch (error) {
    return handleFailure(deps, owned, error, before)
  }
}

async function act(deps: WorkerDeps, owned: OwnedTask, decision: Decision): Promise<Rest | 'go-on'> {
  switch (decision.kind) {
    case 'report':
      await writeTaskReport(deps, owned)
      return 'go-on'
    case 'hold':
      await owned.save(holdTask(owned.task, decision.reason, statusCodeOf(owned.task)))
      await recordStatus(owned)
      return 'go-on'
    case 'complete-publication':
      return completePublication(deps, owned)
    case 'adopt':
      return adoptLeftBehind(deps, owned)
    case 'look-at-ending':
      return lookAtEnding(deps, owned, decision.nextMs)
    case 'implement':
      return (await untilTomorrow(deps)) ?? (await untilSandboxes(deps, owned)) ?? (await implementPlan(deps, owned))
    case 'review':
      return reviewPullRequest(deps, owned)
    case 'rest':
    case 'wait':
      return undefined
  }
}

/** What an error means for the task: its code's entry in the catalogue decides, nothing else. */
async function handleFailure(
  deps: WorkerDeps,
  owned: OwnedTask,
  thrown: unknown,
  before: Task,
): Promise<Rest | 'go-on'> {
  const error = firstError(thrown)
  // What a stopped part throws besides is no failure of the task.
  if (owned.signal.aborted || categoryOf(error) === 'cancelled') return handleStop(deps, owned, error)
  if (error instanceof DevBotError && error.code === 'ownership-lost') throw error
  deps.log.error({ taskId: owned.task.id, error: thrown }, 'a step of the task failed')
  // A write whose answer was lost may have been carried out: only the ledger knows the record.
  const task = await owned.reload()
  // What is still to be done for one that rests (its report, a look at its pull request) is tried again for as long as it takes.
  const rests = taskEnded(before) || (before.status === 'held' && before.adoption !== 'due')
  if (rests) return laterLook(deps)
  if (taskEnded(task)) return 'go-on'
  const code = error instanceof DevBotError ? error.code : 'bug'
  const message = error instanceof Error ? error.message : String(error)
  const failedAttempts = task.failedAttempts + 1
  if (triesAgain(error, failedAttempts)) {
    const askedMs = error instanceof DevBotError ? askedWaitMs(error) : 0
    const delayMs = Math.max(backoffMs(failedAttempts, deps.random()), askedMs)
    await owned.record({ kind: 'retry-scheduled', code, reason: message.slice(0, 1000), delayMs })
    const waiting = { ...task, failedAttempts, notBeforeMs: deps.now() + delayMs }
    // A held task keeps the reason that a person has to know.
    const why = (known: Task) => withReason(known, `waiting after ${code}: ${message.slice(0, 500)}`, code)
    await owned.save(task.status === 'held' ? waiting : why(waiting))
    return 'go-on'
  }
  await owned.save(holdTask(task, `${code}: ${message.slice(0, 1500)}`, code))
  await recordStatus(owned)
  return 'go-on'
}

/** Longest wait that another system may ask for: an hour, GitHub's own window for rate limits. */
const MAX_ASKED_WAIT_MS = 3_600_000

function askedWaitMs({ retryAfterMs = 0 }: DevBotError): number {
  return Number.isFinite(retryAfterMs)
    ? Math.min(Math.ceil(Math.max(0, retryAfterMs)), MAX_ASKED_WAIT_MS)
    : MAX_ASKED_WAIT_MS
}

/** A stop from outside: after a look into the inbox the task goes on, or another process goes on with it. */
function handleStop(deps: WorkerDeps, { signal }: OwnedTask, error: unknown): Rest | 'go-on' {
  // Whatever the stopped part threw, the signal says why it was stopped.
  const reason: unknown = signal.aborted ? signal.reason : error
  const code = reason instanceof DevBotError ? reason.code : ''
  if (code === 'task-may-have-ended') return 'go-on'
  if (code === 'worker-stopping' || code === 'everything-paused') return { dueAtMs: deps.now(), reason: code }
  throw error
}
