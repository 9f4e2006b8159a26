import { type FeedbackRow, feedbackRowSchema, type RunRecord, runRecordSchema, taskIdSchema } from '@devbot/contracts'
import { z } from 'zod'
import { taskKey } from './ledger-keys.ts'
import { readRecord, writeRecord } from './records.ts'
import type { ScriptRunner } from './redis/script-runner.ts'
import { readReply, replyText } from './script-reply.ts'
import type { TurnBodies } from './turn-bodies.ts'

/** Tasks per round trip. */
const BATCH = 20
/** What a summary keeps of prose: enough to recognise it. */
const MAX_PROSE_CHARS = 300
/** Changed paths that a summary keeps of each run. */
const MAX_PATHS = 20

const retirableSchema = z.array(
  z.tuple([taskIdSchema, replyText, z.array(z.string()), z.array(z.string()), z.array(z.string())]),
)
type Retirable = z.infer<typeof retirableSchema>[number]

/** Makes the ledger's `retire`. A crash in the middle is made good by the next call. */
export function createRetirement(scripts: ScriptRunner, bodies: TurnBodies) {
  return async (endedBeforeMs: number): Promise<number> => {
    let retired = 0
    for (;;) {
      const reply = await scripts.run('retirable-tasks', endedBeforeMs, BATCH)
      const batch = readReply(retirableSchema, reply)
      let done = 0
      for (const task of batch) {
        if (await retireTask(scripts, bodies, task, endedBeforeMs)) done++
      }
      retired += done
      // Tasks that somebody has taken again stay in the list; without progress the rest waits for the next call.
      if (batch.length < BATCH || done === 0) return retired
    }
  }
}

async function retireTask(scripts: ScriptRunner, bodies: TurnBodies, task: Retirable, endedBeforeMs: number) {
  const [id, epoch, runs, feedback, runsWithTurns] = task
  const runPairs = runs.flatMap((text) => {
    const run = readRecord(runRecordSchema, text, taskKey(id, 'runs'))
    return [run.id, writeRecord(runRecordSchema, summaryOfRun(run), `run ${run.id}`)]
  })
  const feedbackPairs = feedback.flatMap((text) => {
    const row = readRecord(feedbackRowSchema, text, taskKey(id, 'feedback'))
    return [row.item.id, writeRecord(feedbackRowSchema, summaryOfFeedback(row), `feedback ${row.item.id}`)]
  })
  const args = [id, epoch, endedBeforeMs, runs.length, ...runPairs, ...feedbackPairs]
  if ((await scripts.run('retire-task', ...args)) !== 1) return false
  for (const runId of runsWithTurns) await bodies.remove(runId)
  await scripts.run('finish-retiring', id, endedBeforeMs)
  return true
}

function summaryOfRun(run: RunRecord): RunRecord {
  const { baseline, verification, finish, networkRefusals: _refusals, baselineInventory: _tests, ...facts } = run
  return {
    ...facts,
    ...(baseline === undefined ? {} : { baseline: { ...baseline, output: '' } }),
    ...(verification === undefined ? {} : { verification: { ...verification, output: '' } }),
    ...(finish === undefined ? {} : { finish: summaryOfFinish(finish) }),
    refusedPaths: [],
    changes: run.changes.slice(0, MAX_PATHS),
    notes: [],
  }
}

function summaryOfFinish(finish: NonNullable<RunRecord['finish']>): NonNullable<RunRecord['finish']> {
  const summary = finish.summary.slice(0, MAX_PROSE_CHARS)
  return { title: finish.title, summary, key_changes: [], technical_decisions: [], testing_notes: '', next_steps: [] }
}

function summaryOfFeedback({ item, reply: _reply, reason, ...row }: FeedbackRow): FeedbackRow {
  const { hunk: _hunk, ...rest } = item
  const shortReason = reason === undefined ? {} : { reason: reason.slice(0, MAX_PROSE_CHARS) }
  return { ...row, ...shortReason, item: { ...rest, body: '' } }
}
