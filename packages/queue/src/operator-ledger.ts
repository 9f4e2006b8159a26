import {
  DevBotError,
  type FeedbackRow,
  feedbackRowSchema,
  type RecordedEvent,
  runRecordSchema,
  type TaskId,
  type TaskProgress,
  taskEventSchema,
  taskProgressSchema,
} from '@devbot/contracts'
import { z } from 'zod'
import type { OperatorLedger, TaskDetails } from './ledger.ts'
import { taskKey } from './ledger-keys.ts'
import { readRecord, readTask } from './records.ts'
import type { ScriptRunner } from './redis/script-runner.ts'
import { readReply, replyText } from './script-reply.ts'
import type { TurnBodies } from './turn-bodies.ts'
import { fieldsToObject, readTurns } from './turns.ts'

/** Events per answer, as the port says. */
const MAX_EVENTS = 500
/** One listing is one script, during which Redis serves nobody else. */
const MAX_LISTED_TASKS = 1_000

/** The reading side of the ledger: command line, dashboard, report. */
export function createOperatorLedger(scripts: ScriptRunner, bodies: TurnBodies): OperatorLedger {
  return {
    listTasks: (limit) => listTasks(scripts, limit),
    details: (taskId) => details(scripts, taskId),
    events: (taskId, afterId) => events(scripts, taskId, afterId),
    turns: (runId) => readTurns(scripts, bodies, runId),
  }
}

const listedSchema = z.array(z.tuple([z.string(), replyText, z.string()]))

async function listTasks(scripts: ScriptRunner, limit: number) {
  const count = Math.min(Math.max(0, Math.floor(limit)), MAX_LISTED_TASKS)
  if (count === 0) return []
  const listed = readReply(listedSchema, await scripts.run('list-tasks', count))
  return listed.map(([record, updatedAtMs, progress]) => ({
    task: readTask(record, updatedAtMs, 'task in the list'),
    ...readProgress(progress),
  }))
}

const texts = z.array(z.string())
const detailsSchema = z.union([
  z.tuple([]),
  z.tuple([z.string(), replyText, z.string(), z.string(), z.string(), z.coerce.number(), texts, texts]),
])

async function details(scripts: ScriptRunner, taskId: TaskId): Promise<TaskDetails | undefined> {
  const reply = readReply(detailsSchema, await scripts.run('task-details', taskId))
  if (reply.length === 0) return undefined
  const [record, updatedAtMs, progress, dueAtMs, dueReason, inboxCount, runs, feedback] = reply
  const key = taskKey(taskId)
  return {
    task: readTask(record, updatedAtMs, key),
    ...readProgress(progress),
    runs: runs.map((run) => readRecord(runRecordSchema, run, taskKey(taskId, 'runs'))).sort(byStart),
    feedback: feedback.map((row) => readRecord(feedbackRowSchema, row, taskKey(taskId, 'feedback'))).sort(bySubmission),
    inboxCount,
    ...(dueAtMs === '' ? {} : { due: { atMs: Number(dueAtMs), reason: dueReason } }),
  }
}

function readProgress(text: string): { progress?: TaskProgress } {
  return text === '' ? {} : { progress: readRecord(taskProgressSchema, text, 'progress of a task') }
}

function byStart(a: { startedAtMs: number; id: string }, b: { startedAtMs: number; id: string }): number {
  return a.startedAtMs - b.startedAtMs || a.id.localeCompare(b.id)
}

/** GitHub's ids grow, so they order what was submitted in the same second. */
function bySubmission({ item: a }: FeedbackRow, { item: b }: FeedbackRow): number {
  return Date.parse(a.submittedAt) - Date.parse(b.submittedAt) || a.objectId - b.objectId || a.id.localeCompare(b.id)
}

const streamSchema = z.array(z.tuple([z.string(), z.array(z.string())]))

async function events(scripts: ScriptRunner, taskId: TaskId, afterId?: string): Promise<RecordedEvent[]> {
  const key = taskKey(taskId, 'events')
  const start = afterId === undefined ? '-' : `(${checkedEventId(afterId)}`
  const reply = await scripts.read((client) => client.xrange(scripts.keyPrefix + key, start, '+', 'COUNT', MAX_EVENTS))
  return readReply(streamSchema, reply).map(([id, fields]) => ({
    id,
    // A stream's id begins with Redis' time at which the entry was added.
    atMs: Number(id.split('-')[0]),
    event: readRecord(taskEventSchema, fieldsToObject(fields).event ?? '', `${key} ${id}`),
  }))
}

function checkedEventId(id: string): string {
  if (/^\d{1,20}-\d{1,20}$/.test(id)) return id
  throw new DevBotError({
    category: 'invalid-input',
    code: 'event-id',
    message: `expected the id of an event, like 1763800000000-0, got ${JSON.stringify(id.slice(0, 60))}`,
  })
}
