import {
  DevBotError,
  type ErrorCode,
  type FeedbackRow,
  feedbackRowSchema,
  inboxItemSchema,
  type LeftBehind,
  leftBehindSchema,
  type RepositoryName,
  type RunRecord,
  runRecordSchema,
  type Task,
  type TaskEvent,
  type TaskId,
  type TaskProgress,
  taskEnded,
  taskEventSchema,
  taskIdSchema,
  taskProgressSchema,
  taskSchema,
} from '@devbot/contracts'
import { z } from 'zod'
import { readCheckpoint, renewCheckpoint, saveCheckpoint } from './checkpoints.ts'
import type { Heartbeat, NextLook, Ownership, TaskSnapshot, WorkerLedger } from './ledger.ts'
import { checkedRunId, indexedRepository, taskKey } from './ledger-keys.ts'
import { ownershipArguments } from './ownership-arguments.ts'
import { unknownTask } from './plan-intake-ledger.ts'
import { rankOf } from './priority-rank.ts'
import { readRecord, readTask, writeRecord } from './records.ts'
import type { ScriptRunner } from './redis/script-runner.ts'
import { createRetirement } from './retire-tasks.ts'
import { readKind, readOwned, readReply, replyText, unexpectedReply } from './script-reply.ts'
import { createSharedWaits } from './shared-waits.ts'
import { createSpendingLedger } from './spending-ledger.ts'
import type { TurnBodies } from './turn-bodies.ts'
import { appendTurn } from './turns.ts'

/** The worker's side of the ledger. */
export function createWorkerLedger(scripts: ScriptRunner, bodies: TurnBodies): WorkerLedger {
  return {
    take: (taskId, owner, leaseMs) => take(scripts, taskId, owner, leaseMs),
    heartbeat: (ownership, leaseMs) => heartbeat(scripts, ownership, leaseMs),
    holdsLease: async (taskId, epoch) =>
      readReply(z.literal([0, 1]), await scripts.run('holds-lease', taskId, epoch)) === 1,
    release: (ownership, next) => release(scripts, ownership, next),
    snapshot: (taskId) => snapshot(scripts, taskId),
    save: (ownership, task, taken) => save(scripts, ownership, task, taken),
    planText: (taskId) => planText(scripts, taskId),
    leftBehind: (repository) => leftBehind(scripts, repository),
    rememberLeftBehind: async (repository, left) => {
      const record = writeRecord(leftBehindSchema, left, `what was left behind in ${repository}`)
      await scripts.run('remember-left-behind', indexedRepository(repository), record)
    },
    addFeedback: (ownership, rows) => writeFeedback(scripts, ownership, 'add', rows),
    updateFeedback: async (ownership, rows) => {
      await writeFeedback(scripts, ownership, 'update', rows)
    },
    saveRun: (ownership, run) => saveRun(scripts, ownership, run),
    appendTurn: (ownership, runId, entry) => appendTurn(scripts, bodies, ownership, runId, entry),
    saveCheckpoint: (ownership, checkpoint) => saveCheckpoint(scripts, ownership, checkpoint),
    renewCheckpoint: (ownership, renewed) => renewCheckpoint(scripts, ownership, renewed),
    checkpoint: (runId) => readCheckpoint(scripts, runId),
    recordEvent: (ownership, event, progress) => recordEvent(scripts, ownership, event, progress),
    ...createSpendingLedger(scripts),
    waits: createSharedWaits(scripts),
    dueTasks: async (limit) => readReply(z.array(taskIdSchema), await scripts.run('due-tasks', limit)),
    retire: createRetirement(scripts, bodies),
  }
}

async function take(scripts: ScriptRunner, taskId: TaskId, owner: string, leaseMs: number) {
  if (owner === '') throw invalid('owner', 'expected the name of an owner, got an empty text')
  const { kind, rest } = readKind(await scripts.run('take', taskId, owner, leaseMs))
  if (kind === 'taken') return { kind, ownership: { taskId, epoch: Number(rest[0]), owner } } as const
  if (kind === 'busy' || kind === 'paused' || kind === 'unknown') return { kind } as const
  throw unexpectedReply(kind)
}

const itemKind = z.enum(inboxItemSchema.options.map((option) => option.shape.kind.value))

async function heartbeat(scripts: ScriptRunner, ownership: Ownership, leaseMs: number): Promise<Heartbeat> {
  const { kind, rest } = readKind(await scripts.run('heartbeat', ...ownershipArguments(ownership), leaseMs))
  const [inboxSequence = 0, ...kinds] = rest
  return {
    held: kind !== 'lost',
    paused: kind === 'paused',
    inboxSequence: Number(inboxSequence),
    inboxKinds: [...new Set(kinds.map((text) => readReply(itemKind, text)))],
  }
}

async function release(scripts: ScriptRunner, ownership: Ownership, next?: NextLook) {
  const args = [...ownershipArguments(ownership), next?.dueAtMs ?? '', next?.reason ?? '', next?.leavesInboxUpTo ?? 0]
  readOwned(await scripts.run('release', ...args), ownership.taskId)
}

async function snapshot(scripts: ScriptRunner, taskId: TaskId): Promise<TaskSnapshot | undefined> {
  const reply = readReply(z.array(replyText), await scripts.run('snapshot', taskId))
  const [nowMs, record, updatedAtMs, inboxSequence, ...items] = reply
  if (record === undefined || updatedAtMs === undefined) return undefined
  return {
    task: readTask(record, updatedAtMs, taskKey(taskId)),
    inbox: items.map((item) => readRecord(inboxItemSchema, item, taskKey(taskId, 'inbox-items'))),
    inboxSequence: Number(inboxSequence),
    nowMs: Number(nowMs),
  }
}

async function save(
  scripts: ScriptRunner,
  ownership: Ownership,
  task: Task,
  taken: { readonly inboxIds?: readonly string[]; readonly planText?: string } = {},
): Promise<Task> {
  if (task.id !== ownership.taskId) {
    throw invalid('task-mismatch', `the owner of ${ownership.taskId} tried to save ${task.id}`)
  }
  const reply = await scripts.run(
    'save-task',
    ...ownershipArguments(ownership),
    writeRecord(taskSchema, task, `task ${task.id}`),
    task.branch,
    task.pullRequest?.number ?? '',
    rankOf(task.priority),
    taskEnded(task) ? (task.endedAtMs ?? task.updatedAtMs) : '',
    taken.planText === undefined ? '' : '1',
    taken.planText ?? '',
    ...(taken.inboxIds ?? []),
  )
  const { kind, rest } = readOwned(reply, task.id)
  if (kind === 'saved') return { ...task, updatedAtMs: Number(rest[0]) }
  if (kind === 'taken') throw alreadyTaken(task.id, rest)
  throw unexpectedReply(kind)
}

async function planText(scripts: ScriptRunner, taskId: TaskId): Promise<string> {
  const key = scripts.keyPrefix + taskKey(taskId)
  const [record, text] = await scripts.read((client) => client.hmget(key, 'record', 'planText'))
  if (typeof record !== 'string') throw unknownTask(taskId)
  if (typeof text === 'string') return text
  throw new DevBotError({
    category: 'conflict',
    code: 'task-retired',
    message: `task ${taskId} ended long ago and was shrunk to a summary, its plan's text is gone; read the plan file`,
  })
}

async function leftBehind(scripts: ScriptRunner, repository: RepositoryName): Promise<LeftBehind | undefined> {
  const key = `left-behind:${indexedRepository(repository)}`
  const record = await scripts.read((client) => client.get(scripts.keyPrefix + key))
  return record === null ? undefined : readRecord(leftBehindSchema, record, key)
}

async function writeFeedback(
  scripts: ScriptRunner,
  ownership: Ownership,
  how: 'add' | 'update',
  rows: readonly FeedbackRow[],
): Promise<readonly string[]> {
  const pairs = rows.flatMap((row) => [row.item.id, writeRecord(feedbackRowSchema, row, `feedback ${row.item.id}`)])
  const reply = await scripts.run('add-feedback', ...ownershipArguments(ownership), how, ...pairs)
  return readOwned(reply, ownership.taskId).rest
}

async function saveRun(scripts: ScriptRunner, ownership: Ownership, run: RunRecord): Promise<void> {
  const record = writeRecord(runRecordSchema, run, `run ${run.id}`)
  const reply = await scripts.run('save-run', ...ownershipArguments(ownership), checkedRunId(run.id), record)
  readOwned(reply, ownership.taskId)
}

async function recordEvent(scripts: ScriptRunner, ownership: Ownership, event: TaskEvent, progress?: TaskProgress) {
  const json = writeRecord(taskEventSchema, event, `event ${event.kind}`)
  const progressJson = progress === undefined ? '' : writeRecord(taskProgressSchema, progress, 'progress')
  const reply = await scripts.run('record-event', ...ownershipArguments(ownership), json, progressJson)
  readOwned(reply, ownership.taskId)
}

function invalid(code: ErrorCode, message: string): DevBotError {
  return new DevBotError({ category: 'bug', code, message })
}

function alreadyTaken(taskId: TaskId, [what, by]: readonly string[]): DevBotError {
  return new DevBotError({
    category: 'conflict',
    code: what === 'branch' ? 'branch-taken' : 'pull-request-taken',
    message: `expected the ${what} of task ${taskId} to belong to no other unfinished task, but ${by} has it`,
  })
}
