import {
  branchNameFor,
  DevBotError,
  type Task,
  type TaskEvent,
  type TaskId,
  taskEventSchema,
  taskIdFor,
  taskIdSchema,
  taskSchema,
} from '@devbot/contracts'
import { z } from 'zod'
import type { NewTask } from './ledger.ts'
import { indexEntry, indexedRepository } from './ledger-keys.ts'
import { rankOf } from './priority-rank.ts'
import { readTask, writeRecord } from './records.ts'
import type { ScriptRunner } from './redis/script-runner.ts'
import { readKind, readReply, replyText, unexpectedReply } from './script-reply.ts'

type CreateAnswer =
  | { readonly kind: 'created' | 'existing'; readonly task: Task }
  | { readonly kind: 'branch-taken'; readonly by: TaskId }

/** Each further try means that somebody else created or ended a task at this path in between. */
const MAX_ATTEMPTS = 50
/** Plans with the same name, accepted in the same second. */
const MAX_BRANCH_SUFFIX = 1000

/**
 * Creates the task of a plan, or finds the one that already answers for it. The id needs a hash that scripts cannot
 * make, so this reads, composes the record, and writes only if nothing at this path has changed in between.
 */
export async function createTask(scripts: ScriptRunner, newTask: NewTask): Promise<CreateAnswer> {
  let suffix = 1
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; ) {
    const state = await readPathState(scripts, newTask)
    if (state.newest !== undefined && answersFor(state.newest, newTask)) {
      return { kind: 'existing', task: state.newest.task }
    }
    const task = composeTask(newTask, state, suffix)
    const { kind, rest } = readKind(await writeTask(scripts, newTask, task, state))
    if (kind === 'created') return { kind, task }
    if (kind === 'changed') attempt++
    else if (kind === 'branch-taken' && newTask.branch === undefined && suffix < MAX_BRANCH_SUFFIX) suffix++
    else if (kind === 'branch-taken') return { kind, by: taskIdSchema.parse(rest[0]) }
    else throw unexpectedReply(kind)
  }
  throw new DevBotError({
    category: 'transient',
    code: 'plan-path-busy',
    message: `tasks at ${newTask.planPath} changed ${MAX_ATTEMPTS} times while one was being created; try again`,
  })
}

type PathState = {
  readonly nowMs: number
  readonly lastGeneration: number
  readonly newest?: { readonly task: Task; readonly ended: boolean; readonly latestPlanHash: string }
}

const pathStateReply = z.tuple([
  z.coerce.number(),
  z.coerce.number(),
  z.string(),
  z.enum(['', '1']),
  z.string(),
  z.string(),
  replyText,
])

async function readPathState(scripts: ScriptRunner, { repository, planPath }: NewTask): Promise<PathState> {
  const reply = await scripts.run('path-state', indexEntry(repository, planPath))
  const [nowMs, lastGeneration, id, ended, latestPlanHash, record, updatedAtMs] = readReply(pathStateReply, reply)
  if (id === '') return { nowMs, lastGeneration }
  const task = readTask(record, updatedAtMs, `task:${id}`)
  return { nowMs, lastGeneration, newest: { task, ended: ended === '1', latestPlanHash } }
}

/** A task that is not ended answers for whatever its plan says now; an ended one only for what it was given. */
function answersFor(newest: NonNullable<PathState['newest']>, newTask: NewTask): boolean {
  if (!newest.ended) return true
  const wasRead = newest.task.planHash === newest.latestPlanHash
  return wasRead && newest.latestPlanHash === newTask.planHash
}

function composeTask(newTask: NewTask, { nowMs, lastGeneration }: PathState, suffix: number): Task {
  const { repository, planPath, planHash, title, priority, heldBecause } = newTask
  const generation = lastGeneration + 1
  return {
    version: 1,
    id: taskIdFor({ repository, planPath, generation }),
    repository,
    planPath,
    generation,
    planHash,
    title,
    priority,
    status: heldBecause === undefined ? 'ready' : 'held',
    ...(heldBecause === undefined ? {} : { statusReason: heldBecause }),
    branch: newTask.branch ?? generatedBranch(newTask, nowMs, suffix),
    acceptedAtMs: nowMs,
    updatedAtMs: nowMs,
    // Of a path's later generations the ledger knows the earlier ones: it has lost nothing of them.
    ...(generation === 1 ? { adoption: 'due' } : {}),
    rounds: 0,
    failedAttempts: 0,
    planEdited: false,
    reportDue: false,
    turns: 0,
    costMicroUsd: 0,
    workMs: 0,
  }
}

function generatedBranch({ branchPrefix, planPath }: NewTask, acceptedAtMs: number, suffix: number): string {
  const name = branchNameFor({ prefix: branchPrefix, planPath, acceptedAtMs })
  return suffix === 1 ? name : `${name}-${suffix}`
}

function writeTask(scripts: ScriptRunner, newTask: NewTask, task: Task, state: PathState): Promise<unknown> {
  const accepted: TaskEvent = { kind: 'task-accepted', planPath: task.planPath, branch: task.branch }
  return scripts.run(
    'create-task',
    task.id,
    indexedRepository(task.repository),
    task.planPath,
    indexEntry(task.repository, task.planPath),
    state.lastGeneration,
    state.newest?.task.id ?? '',
    writeRecord(taskSchema, task, `task ${task.id}`),
    newTask.planText,
    task.planHash,
    task.branch,
    rankOf(task.priority),
    task.acceptedAtMs,
    task.status === 'held' && task.adoption === undefined ? '1' : '',
    writeRecord(taskEventSchema, accepted, 'event task-accepted'),
  )
}
