import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createdTask, type LedgerFixture, startLedgerFixture, takenTask } from './testing/ledger-fixture.ts'
import { newTaskFor } from './testing/sample-records.ts'

let fixture: LedgerFixture
beforeAll(async () => {
  fixture = await startLedgerFixture()
})
afterAll(() => fixture.stop())

describe('a pause of everything', () => {
  it('names who paused first and since when, to everybody, until it ends', async () => {
    const ledger = await fixture.open()
    expect(await ledger.pause()).toBeUndefined()
    const pause = await ledger.pauseAll('ada')
    expect(pause).toEqual({ by: 'ada', sinceMs: expect.closeTo(Date.now(), -4) })
    expect(await ledger.pauseAll('bob')).toEqual(pause)
    expect(await (await fixture.open(ledger.instance)).pause()).toEqual(pause)
    expect(await ledger.resumeAll()).toEqual(pause)
    expect(await ledger.resumeAll()).toBeUndefined()
    expect(await ledger.pause()).toBeUndefined()
  })

  it('lets no task be taken or woken, accepts plans, and gives back what is due', async () => {
    const ledger = await fixture.open()
    const before = await createdTask(ledger, newTaskFor('before'))
    await ledger.pauseAll('ada')
    const during = await createdTask(ledger, newTaskFor('during', { planPath: 'during.md' }))
    expect(await ledger.take(before.id, 'w', 1_000)).toEqual({ kind: 'paused' })
    expect(await ledger.dueTasks(10)).toEqual([])
    await ledger.resumeAll()
    expect([...(await ledger.dueTasks(10))].sort()).toEqual([before.id, during.id].sort())
    expect(await ledger.take(before.id, 'w', 1_000)).toMatchObject({ kind: 'taken' })
  })

  it('is heard by a running owner, who keeps the task until it gives it back', async () => {
    const ledger = await fixture.open()
    const { id } = await createdTask(ledger, newTaskFor('running'))
    const ownership = await takenTask(ledger, id)
    expect(await ledger.heartbeat(ownership, 30_000)).toMatchObject({ held: true, paused: false })
    await ledger.pauseAll('ada')
    expect(await ledger.heartbeat(ownership, 30_000)).toMatchObject({ held: true, paused: true })
  })

  it('is no concern of another instance', async () => {
    const [ledger, other] = [await fixture.open(), await fixture.open()]
    await ledger.pauseAll('ada')
    expect(await other.pause()).toBeUndefined()
  })
})

describe('workers that report', () => {
  it('hear of the pause, and are known with how long they have been silent until their report is too old', async () => {
    const ledger = await fixture.open()
    const { id: taskId } = await createdTask(ledger, newTaskFor('mine'))
    const busy = { id: 'host-1', tasks: [taskId], modelCalls: 1, sandboxes: 2 }
    expect(await ledger.reportWorker(busy, 60_000)).toBeUndefined()
    const pause = await ledger.pauseAll('ada')
    expect(await ledger.reportWorker({ id: 'host-2', tasks: [], modelCalls: 0, problem: 'no engine' }, 200)).toEqual(
      pause,
    )
    const silentMs = expect.closeTo(0, -3)
    const other = { id: 'host-2', tasks: [], modelCalls: 0, problem: 'no engine', silentMs }
    expect(await ledger.liveWorkers()).toEqual([{ ...busy, silentMs }, other])
    await expect.poll(async () => (await ledger.liveWorkers()).length, { timeout: 5_000 }).toBe(1)
    expect((await ledger.liveWorkers())[0]?.silentMs).toBeGreaterThanOrEqual(200)
    const idle = { id: 'host-1', tasks: [], modelCalls: 0, sandboxes: 0, heardPauseMs: pause.sinceMs }
    await ledger.reportWorker(idle, 60_000)
    expect(await ledger.liveWorkers()).toEqual([{ ...idle, silentMs }])
  })
})
