import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createdTask, type LedgerFixture, startLedgerFixture, takenTask } from './testing/ledger-fixture.ts'
import { feedbackItemFor, newTaskFor, runFor } from './testing/sample-records.ts'

let fixture: LedgerFixture
beforeAll(async () => {
  fixture = await startLedgerFixture()
})
afterAll(() => fixture.stop())

const check = {
  command: 'npm test',
  exitCode: 0,
  timedOut: false,
  durationMs: 5,
  output: 'x'.repeat(9_000),
  treeId: 'a',
}

async function endedTask(name: string, endedAtMs: number, ledger?: Awaited<ReturnType<LedgerFixture['open']>>) {
  const opened = ledger ?? (await fixture.open())
  const task = await createdTask(opened, newTaskFor(name, { planPath: `${name}.md` }))
  const ownership = await takenTask(opened, task.id)
  const runId = `run-of-${task.id}-${opened.instance}`
  await opened.saveRun(ownership, runFor(runId, { verification: check, notes: ['a note'] }))
  await opened.addFeedback(ownership, [{ item: feedbackItemFor(1, 'long text'), state: 'answered', reply: 'done' }])
  await opened.appendTurn(ownership, runId, { kind: 'reply', turn: 1, body: 'y'.repeat(100_000) })
  await opened.save(ownership, { ...task, status: 'merged', endedAtMs })
  await opened.release(ownership)
  return { ledger: opened, task, runId }
}

describe('retire', () => {
  it('shrinks what ended before the given time to a summary that can still be read', async () => {
    const { ledger, task, runId } = await endedTask('old', 1_000)
    const recent = await endedTask('recent', 5_000, ledger)
    expect(await ledger.retire(2_000)).toBe(1)
    expect(await ledger.retire(2_000)).toBe(0)

    const details = await ledger.details(task.id)
    expect(details?.task).toMatchObject({ id: task.id, status: 'merged', endedAtMs: 1_000 })
    expect(details?.runs).toMatchObject([{ id: runId, verification: { exitCode: 0, output: '' }, notes: [] }])
    expect(details?.feedback).toMatchObject([{ state: 'answered', item: { author: 'mona', body: '' } }])
    expect(details?.feedback[0]?.reply).toBeUndefined()
    expect(await ledger.turns(runId)).toEqual([])
    expect(await ledger.events(task.id)).toEqual([])
    await expect(access(join(fixture.bodyDirectory, runId))).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(ledger.planText(task.id)).rejects.toMatchObject({ code: 'task-retired' })

    expect(await ledger.turns(recent.runId)).toHaveLength(1)
    expect(await ledger.planText(recent.task.id)).toBe('recent')
    expect(await ledger.createTask(newTaskFor('old', { planPath: 'old.md' }))).toMatchObject({ kind: 'existing' })
  })

  it('leaves a task alone that was reopened', async () => {
    const { ledger, task, runId } = await endedTask('back', 1_000)
    const ownership = await takenTask(ledger, task.id)
    await ledger.save(ownership, { ...task, status: 'in-review' })
    await ledger.release(ownership)
    expect(await ledger.retire(2_000)).toBe(0)
    expect(await ledger.turns(runId)).toHaveLength(1)
  })

  it('leaves a task alone that somebody works on', async () => {
    const { ledger, task, runId } = await endedTask('busy', 1_000)
    await takenTask(ledger, task.id)
    expect(await ledger.retire(2_000)).toBe(0)
    expect(await ledger.turns(runId)).toHaveLength(1)
  })

  it('gets through more tasks than one batch', async () => {
    const ledger = await fixture.open()
    for (let number = 0; number < 45; number++) await endedTask(`plan-${number}`, 1_000 + number, ledger)
    expect(await ledger.retire(1_044)).toBe(44)
  })
})
