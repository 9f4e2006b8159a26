import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Ledger, Ownership } from './ledger.ts'
import { createdTask, type LedgerFixture, startLedgerFixture, takenTask } from './testing/ledger-fixture.ts'
import { newTaskFor, reservationFor } from './testing/sample-records.ts'

const lost = { category: 'conflict', code: 'ownership-lost' }
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

let fixture: LedgerFixture
beforeAll(async () => {
  fixture = await startLedgerFixture()
})
afterAll(() => fixture.stop())

/** Two workers, each with a connection and a task of its own. `leaseMs` is the first one's. */
async function twoWorkers(leaseMs = 30_000) {
  const first = await fixture.open()
  const second = await fixture.open(first.instance)
  const ownerOf = async (ledger: Ledger, plan: string, ms: number) => {
    const task = await createdTask(ledger, newTaskFor(plan, { planPath: `${plan}.md` }))
    return takenTask(ledger, task.id, `worker of ${plan}`, ms)
  }
  return { first, second, a: await ownerOf(first, 'a', leaseMs), b: await ownerOf(second, 'b', 30_000) }
}

describe('spending', () => {
  it('sums what all tasks of the day cost, and each task', async () => {
    const { first, second, a, b } = await twoWorkers()
    expect(await first.spentToday()).toBe(0)
    for (const [ledger, owner, cost] of [
      [first, a, 1],
      [second, b, 10],
      [first, a, 100],
    ] as const) {
      await ledger.reserveSpending(owner, reservationFor(`call ${cost}`))
      await ledger.settleSpending(owner, `call ${cost}`, cost)
    }
    expect(await second.spentToday()).toBe(111)
    expect(await first.spentOnTask(a.taskId)).toBe(101)
    expect(await first.spentOnTask(b.taskId)).toBe(10)
  })

  it('keeps the calls of all workers together below the ceiling, from the reservation on', async () => {
    const { first, second, a, b } = await twoWorkers()
    expect(await first.reserveSpending(a, reservationFor('a1', { wantedMicroUsd: 700 }))).toEqual({
      kind: 'reserved',
      microUsd: 700,
    })
    expect(await second.reserveSpending(b, reservationFor('b1', { wantedMicroUsd: 700, leastMicroUsd: 400 }))).toEqual({
      kind: 'refused',
      spentMicroUsd: 0,
      reservedMicroUsd: 700,
    })
    expect(await second.reserveSpending(b, reservationFor('b1', { wantedMicroUsd: 700, leastMicroUsd: 300 }))).toEqual({
      kind: 'reserved',
      microUsd: 300,
    })
    await first.settleSpending(a, 'a1', 50)
    expect(await first.reserveSpending(a, reservationFor('a2', { wantedMicroUsd: 900 }))).toEqual({
      kind: 'reserved',
      microUsd: 650,
    })
  })

  it('never passes the ceiling, whatever two workers do at once', async () => {
    const { first, second, a, b } = await twoWorkers()
    const ceilingMicroUsd = 5_000
    let settled = 0
    const work = async (ledger: Ledger, owner: Ownership, lane: string) => {
      for (let call = 0; call < 40; call += 1) {
        const request = reservationFor(`${lane} ${call}`, { wantedMicroUsd: 300, leastMicroUsd: 50, ceilingMicroUsd })
        const answer = await ledger.reserveSpending(owner, request)
        if (answer.kind === 'refused') return
        const cost = Math.floor(Math.random() * (answer.microUsd + 1))
        settled += cost
        await ledger.settleSpending(owner, request.reservationId, cost)
        expect(await ledger.spentToday()).toBeLessThanOrEqual(ceilingMicroUsd)
      }
    }
    await Promise.all(['1', '2', '3', '4'].flatMap((lane) => [work(first, a, `a${lane}`), work(second, b, `b${lane}`)]))
    expect(await first.spentToday()).toBe(settled)
    expect(settled).toBeGreaterThan(4_000)
  })

  it('frees the reservation of a worker that died, and counts its call as made, with its input', async () => {
    const { first, second, a, b } = await twoWorkers(1_000)
    await first.reserveSpending(a, reservationFor('a1', { wantedMicroUsd: 950, assumedMicroUsd: 40 }))
    expect(await second.reserveSpending(b, reservationFor('b1'))).toMatchObject({ kind: 'refused' })
    await first.close()
    await pause(1_100)
    expect(await second.reserveSpending(b, reservationFor('b1', { wantedMicroUsd: 2_000 }))).toEqual({
      kind: 'reserved',
      microUsd: 960,
    })
    expect(await second.spentToday()).toBe(40)
    expect(await second.spentOnTask(a.taskId)).toBe(40)
  })

  it('counts a call of an earlier epoch when the task is taken up again, before its lease would have ended', async () => {
    const { first, a } = await twoWorkers()
    await first.reserveSpending(a, reservationFor('a1', { assumedMicroUsd: 40 }))
    await first.release(a, { dueAtMs: Date.now(), reason: 'worker-stopping' })
    await takenTask(first, a.taskId, 'another')
    expect(await first.spentOnTask(a.taskId)).toBe(40)
  })

  it('books a call once, also when the answer to a booking was lost, and for an owner who lost the task', async () => {
    const { first, a } = await twoWorkers(1_000)
    await first.reserveSpending(a, reservationFor('a1'))
    await first.settleSpending(a, 'a1', 30)
    await first.settleSpending(a, 'a1', 30)
    expect(await first.spentToday()).toBe(30)

    await first.reserveSpending(a, reservationFor('a2'))
    await pause(1_100)
    await takenTask(first, a.taskId, 'another')
    await expect(first.settleSpending(a, 'a2', 5)).rejects.toMatchObject(lost)
    expect(await first.spentToday()).toBe(35)
  })

  it('keeps reservations and sums over a restart of Redis', async () => {
    const { first, second, a, b } = await twoWorkers()
    await first.reserveSpending(a, reservationFor('a1', { wantedMicroUsd: 500 }))
    await first.reserveSpending(a, reservationFor('a2', { wantedMicroUsd: 300 }))
    await first.settleSpending(a, 'a2', 250)
    await fixture.redis.kill()
    await fixture.redis.restart()
    await expect
      .poll(() => second.reserveSpending(b, reservationFor('b1')).catch(() => 'not yet'), { timeout: 10_000 })
      .toEqual({ kind: 'reserved', microUsd: 100 })
    expect(await second.reserveSpending(b, reservationFor('b2', { leastMicroUsd: 151 }))).toEqual({
      kind: 'refused',
      spentMicroUsd: 250,
      reservedMicroUsd: 600,
    })
  })

  it('refuses what is no amount', async () => {
    const { first, a } = await twoWorkers()
    for (const wantedMicroUsd of [0.5, -1, Number.NaN]) {
      await expect(first.reserveSpending(a, reservationFor('a', { wantedMicroUsd }))).rejects.toMatchObject({
        category: 'bug',
      })
    }
    await expect(first.settleSpending(a, 'a', 0.5)).rejects.toMatchObject({ category: 'bug' })
  })
})

describe('rounds of the day', () => {
  it('counts each round of a task once, and refuses one more than the ceiling', async () => {
    const { first, second, a, b } = await twoWorkers()
    expect(await first.beginRound(a, 1, 2)).toEqual({ kind: 'begun', roundsToday: 1 })
    expect(await second.beginRound(b, 1, 2)).toEqual({ kind: 'begun', roundsToday: 2 })
    expect(await first.beginRound(a, 2, 2)).toEqual({ kind: 'refused', roundsToday: 2 })
    expect(await first.beginRound(a, 1, 2)).toEqual({ kind: 'begun', roundsToday: 2 })
  })
})
