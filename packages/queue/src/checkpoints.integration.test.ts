import { type Checkpoint, MAX_PACKED_CHECKPOINT_CHARACTERS, objectIdSchema } from '@devbot/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createdTask, type LedgerFixture, startLedgerFixture, takenTask } from './testing/ledger-fixture.ts'
import { newTaskFor } from './testing/sample-records.ts'

let fixture: LedgerFixture
beforeAll(async () => {
  fixture = await startLedgerFixture()
})
afterAll(() => fixture.stop())

const id = (digit: string) => objectIdSchema.parse(digit.repeat(40))

function checkpointAt(turn: number, changes: Partial<Checkpoint> = {}): Checkpoint {
  return { version: 1, runId: 'run-1', turn, startTreeId: id('a'), treeId: id('b'), packed: 'x', ...changes }
}

async function openOwned() {
  const ledger = await fixture.open()
  const task = await createdTask(ledger, newTaskFor('a plan'))
  return { ledger, task, ownership: await takenTask(ledger, task.id) }
}

describe('saveCheckpoint', () => {
  it('keeps the newest of each run, and never goes back to an older turn', async () => {
    const { ledger, ownership } = await openOwned()
    expect(await ledger.checkpoint('run-1')).toBeUndefined()
    const newest = checkpointAt(5, { treeId: id('c'), packed: 'y'.repeat(MAX_PACKED_CHECKPOINT_CHARACTERS) })
    await ledger.saveCheckpoint(ownership, checkpointAt(3))
    await ledger.saveCheckpoint(ownership, newest)
    await ledger.saveCheckpoint(ownership, checkpointAt(4))
    await ledger.saveCheckpoint(ownership, checkpointAt(1, { runId: 'run-2' }))
    expect(await ledger.checkpoint('run-1')).toEqual(newest)
    expect(await ledger.checkpoint('run-2')).toEqual(checkpointAt(1, { runId: 'run-2' }))
  })

  it('takes the place of one of the same turn: an attempt that was cut off had begun it', async () => {
    const { ledger, ownership } = await openOwned()
    await ledger.saveCheckpoint(ownership, checkpointAt(3))
    await ledger.saveCheckpoint(ownership, checkpointAt(3, { treeId: id('d') }))
    expect(await ledger.checkpoint('run-1')).toMatchObject({ turn: 3, treeId: id('d') })
  })

  it('is refused once somebody else owns the task', async () => {
    const { ledger, task, ownership } = await openOwned()
    await ledger.saveCheckpoint(ownership, checkpointAt(3))
    await ledger.release(ownership)
    await takenTask(ledger, task.id)
    const lost = { category: 'conflict', code: 'ownership-lost' }
    await expect(ledger.saveCheckpoint(ownership, checkpointAt(4))).rejects.toMatchObject(lost)
    await expect(ledger.renewCheckpoint(ownership, { runId: 'run-1', turn: 4 })).rejects.toMatchObject(lost)
    expect(await ledger.checkpoint('run-1')).toEqual(checkpointAt(3))
  })

  it('refuses what a restart could not read', async () => {
    const { ledger, ownership } = await openOwned()
    const tooLong = checkpointAt(1, { packed: 'x'.repeat(MAX_PACKED_CHECKPOINT_CHARACTERS + 1) })
    await expect(ledger.saveCheckpoint(ownership, tooLong)).rejects.toMatchObject({ code: 'ledger-record-invalid' })
    await expect(ledger.saveCheckpoint(ownership, checkpointAt(1, { runId: '../x' }))).rejects.toMatchObject({
      code: 'run-id',
    })
  })
})

describe('renewCheckpoint', () => {
  it('moves the turn on and leaves the rest, and makes none up', async () => {
    const { ledger, ownership } = await openOwned()
    await ledger.renewCheckpoint(ownership, { runId: 'run-1', turn: 2 })
    expect(await ledger.checkpoint('run-1')).toBeUndefined()
    await ledger.saveCheckpoint(ownership, checkpointAt(3))
    await ledger.renewCheckpoint(ownership, { runId: 'run-1', turn: 7 })
    await ledger.renewCheckpoint(ownership, { runId: 'run-1', turn: 6 })
    expect(await ledger.checkpoint('run-1')).toEqual(checkpointAt(7))
  })
})

describe('retire', () => {
  it('removes the checkpoints of a task that ended long ago', async () => {
    const { ledger, task, ownership } = await openOwned()
    await ledger.saveCheckpoint(ownership, checkpointAt(3))
    await ledger.save(ownership, { ...task, status: 'merged', endedAtMs: 1_000 })
    await ledger.release(ownership)
    expect(await ledger.retire(2_000)).toBe(1)
    expect(await ledger.checkpoint('run-1')).toBeUndefined()
  })
})
