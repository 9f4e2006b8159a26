import { type Checkpoint, checkpointSchema } from '@devbot/contracts'
import type { Ownership } from './ledger.ts'
import { checkedRunId, checkpointKey } from './ledger-keys.ts'
import { ownershipArguments } from './ownership-arguments.ts'
import { readRecord, writeRecord } from './records.ts'
import type { ScriptRunner } from './redis/script-runner.ts'
import { readOwned } from './script-reply.ts'

/** The turn is kept beside the record, so that it can be moved on without writing half a megabyte again. */
export async function saveCheckpoint(scripts: ScriptRunner, ownership: Ownership, checkpoint: Checkpoint) {
  const record = writeRecord(checkpointSchema, checkpoint, `the checkpoint of run ${checkpoint.runId}`)
  await save(scripts, ownership, checkpoint, record)
}

/** What was saved last holds at a later turn, too. */
export async function renewCheckpoint(
  scripts: ScriptRunner,
  ownership: Ownership,
  { runId, turn }: Pick<Checkpoint, 'runId' | 'turn'>,
) {
  await save(scripts, ownership, { runId, turn }, '')
}

async function save(
  scripts: ScriptRunner,
  ownership: Ownership,
  { runId, turn }: Pick<Checkpoint, 'runId' | 'turn'>,
  record: string,
) {
  const args = [...ownershipArguments(ownership), checkedRunId(runId), turn, record]
  readOwned(await scripts.run('save-checkpoint', ...args), ownership.taskId)
}

export async function readCheckpoint(scripts: ScriptRunner, runId: string): Promise<Checkpoint | undefined> {
  const key = checkpointKey(runId)
  const [record, turn] = await scripts.read((client) => client.hmget(scripts.keyPrefix + key, 'record', 'turn'))
  if (typeof record !== 'string') return undefined
  return { ...readRecord(checkpointSchema, record, key), turn: Number(turn) }
}
