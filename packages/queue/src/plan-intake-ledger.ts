import { randomUUID } from 'node:crypto'
import { DevBotError, type InboxItem, planHashSchema, type TaskId } from '@devbot/contracts'
import { z } from 'zod'
import { createTask } from './create-task.ts'
import { inboxEntryFor } from './inbox-entry.ts'
import type { InboxAnswer, PlanIntakeLedger, PlanTask } from './ledger.ts'
import { indexEntry } from './ledger-keys.ts'
import { readTask } from './records.ts'
import type { ScriptRunner } from './redis/script-runner.ts'
import { readKind, readReply, replyText, unexpectedReply } from './script-reply.ts'

const planTaskReply = z.union([z.tuple([]), z.tuple([replyText, replyText, replyText, planHashSchema])])
const inboxAnswer = z.enum(['added', 'duplicate', 'unknown-task', 'full'])

/** The watcher's side of the ledger. */
export function createPlanIntakeLedger(scripts: ScriptRunner): PlanIntakeLedger {
  const find = async (index: 'paths' | 'plan-hashes', entry: string) =>
    toPlanTask(await scripts.run('plan-task', index, entry), entry)
  return {
    planTaskAt: (repository, planPath) => find('paths', indexEntry(repository, planPath)),
    planTaskWithHash: (repository, planHash) => find('plan-hashes', indexEntry(repository, planHash)),
    createTask: (newTask) => createTask(scripts, newTask),
    moveTask: (taskId, planPath) => moveTask(scripts, taskId, planPath),
    countTasks: () => scripts.read((client) => client.zcard(`${scripts.keyPrefix}tasks`)),
    identity: async () => readReply(z.string().min(1), await scripts.run('identity', randomUUID())),
    addToInbox: (taskId, item) => addToInbox(scripts, taskId, item),
  }
}

function toPlanTask(reply: unknown, entry: string): PlanTask | undefined {
  const known = readReply(planTaskReply, reply)
  if (known.length === 0) return undefined
  const [record, updatedAtMs, planPath, latestPlanHash] = known
  const task = readTask(record, updatedAtMs, `task of ${entry.replace('\n', ' ')}`)
  const { id, planHash, status, generation, branch, adopted = false } = task
  return { id, planPath, planHash, status, generation, branch, adopted, latestPlanHash }
}

/** Moving to where it already is changes nothing. Throws category `conflict` when a living task has that path. */
async function moveTask(scripts: ScriptRunner, taskId: TaskId, planPath: string): Promise<void> {
  // Moving back and forth is several moves, so each has an id of its own; repeats are told by the path.
  const { id, json } = inboxEntryFor({ kind: 'plan-moved', id: `plan-moved-${randomUUID()}`, planPath })
  const answer = readKind(await scripts.run('move-task', taskId, planPath, id, json))
  if (answer.kind === 'moved' || answer.kind === 'same') return
  if (answer.kind === 'unknown') throw unknownTask(taskId)
  if (answer.kind !== 'taken') throw unexpectedReply(answer.kind)
  throw new DevBotError({
    category: 'conflict',
    code: 'plan-path-taken',
    message: `expected no unfinished task at ${planPath}, but ${answer.rest[0]} is there; task ${taskId} was not moved`,
  })
}

async function addToInbox(scripts: ScriptRunner, taskId: TaskId, item: InboxItem): Promise<InboxAnswer> {
  const { kind, id, json, planHash } = inboxEntryFor(item)
  const answer = readReply(inboxAnswer, await scripts.run('add-to-inbox', taskId, kind, id, json, planHash))
  if (answer === 'full') throw inboxFull(taskId)
  return answer
}

export function unknownTask(taskId: TaskId): DevBotError {
  return new DevBotError({
    category: 'invalid-input',
    code: 'unknown-task',
    message: `expected the id of a task of this instance, there is no task ${taskId}`,
  })
}

export function inboxFull(taskId: TaskId): DevBotError {
  return new DevBotError({
    category: 'transient',
    code: 'inbox-full',
    message: `task ${taskId} has more feedback waiting than the ledger keeps; it is read from GitHub once that is worked off`,
  })
}
