import { taskIdSchema } from '@devbot/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createdTask, type LedgerFixture, startLedgerFixture, takenTask } from './testing/ledger-fixture.ts'
import {
  feedbackFor,
  feedbackItemFor,
  newTaskFor,
  REPOSITORY,
  reservationFor,
  runFor,
} from './testing/sample-records.ts'

const lost = { category: 'conflict', code: 'ownership-lost' }
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

let fixture: LedgerFixture
beforeAll(async () => {
  fixture = await startLedgerFixture()
})
afterAll(() => fixture.stop())

async function openWithTask() {
  const ledger = await fixture.open()
  return { ledger, task: await createdTask(ledger, newTaskFor('plan')) }
}

describe('take', () => {
  it('lets exactly one of 20 owners have the task', async () => {
    const { ledger, task } = await openWithTask()
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => ledger.take(task.id, `w${index}`, 30_000)),
    )
    expect(answers.filter(({ kind }) => kind === 'taken')).toHaveLength(1)
    expect(answers.filter(({ kind }) => kind === 'busy')).toHaveLength(19)
  })

  it('says so when there is no such task', async () => {
    const ledger = await fixture.open()
    expect(await ledger.take(taskIdSchema.parse('t0123456789ab'), 'w', 1_000)).toEqual({ kind: 'unknown' })
  })

  it('gives a new epoch when the lease ran out, and refuses every write of the old owner', async () => {
    const { ledger, task } = await openWithTask()
    const old = await takenTask(ledger, task.id, 'old', 50)
    expect(await ledger.dueTasks(10)).toEqual([])
    await pause(80)
    expect(await ledger.dueTasks(10)).toEqual([task.id])
    const now = await takenTask(ledger, task.id, 'new')
    expect(now.epoch).toBe(old.epoch + 1)

    expect(await ledger.heartbeat(old, 1_000)).toMatchObject({ held: false })
    await expect(ledger.save(old, { ...task, rounds: 9 })).rejects.toMatchObject(lost)
    await expect(ledger.release(old)).rejects.toMatchObject(lost)
    await expect(ledger.addFeedback(old, [{ item: feedbackItemFor(1), state: 'open' }])).rejects.toMatchObject(lost)
    await expect(ledger.saveRun(old, runFor('run-1'))).rejects.toMatchObject(lost)
    await expect(ledger.appendTurn(old, 'run-1', { kind: 'reply', turn: 1, body: '{}' })).rejects.toMatchObject(lost)
    await expect(ledger.recordEvent(old, { kind: 'stage-start', stage: 'setup' })).rejects.toMatchObject(lost)
    await expect(ledger.reserveSpending(old, reservationFor('r'))).rejects.toMatchObject(lost)
    await expect(ledger.settleSpending(old, 'r', 5)).rejects.toMatchObject(lost)
    await expect(ledger.beginRound(old, 1, 10)).rejects.toMatchObject(lost)

    const details = await ledger.details(task.id)
    expect(details).toMatchObject({ task: { rounds: 0 }, runs: [], feedback: [] })
    expect(await ledger.turns('run-1')).toEqual([])
    expect(await ledger.spentToday()).toBe(0)
    expect(await ledger.save(now, { ...task, rounds: 1 })).toMatchObject({ rounds: 1 })
  })

  it('refuses the earlier of two takings by the same owner', async () => {
    const { ledger, task } = await openWithTask()
    const [first, second] = [await takenTask(ledger, task.id, 'w'), await takenTask(ledger, task.id, 'w')]
    await expect(ledger.save(first, { ...task, rounds: 1 })).rejects.toMatchObject(lost)
    expect(await ledger.save(second, { ...task, rounds: 2 })).toMatchObject({ rounds: 2 })
  })

  it('refuses what an owner writes after giving the task back', async () => {
    const { ledger, task } = await openWithTask()
    const ownership = await takenTask(ledger, task.id)
    await ledger.release(ownership)
    await expect(ledger.save(ownership, task)).rejects.toMatchObject(lost)
  })
})

describe('heartbeat', () => {
  it('renews lease and due time and names the kinds that wait', async () => {
    const { ledger, task } = await openWithTask()
    const ownership = await takenTask(ledger, task.id, 'w', 200)
    await ledger.addToInbox(task.id, feedbackFor(1))
    await ledger.addToInbox(task.id, feedbackFor(2))
    await ledger.addToInbox(task.id, { kind: 'plan-cancelled', id: 'c', planHash: task.planHash })
    await pause(120)
    expect(await ledger.heartbeat(ownership, 200)).toEqual({
      held: true,
      paused: false,
      inboxSequence: 3,
      inboxKinds: ['feedback', 'plan-cancelled'],
    })
    await pause(120)
    expect(await ledger.dueTasks(10)).toEqual([])
    expect(await ledger.take(task.id, 'other', 1_000)).toEqual({ kind: 'busy' })
  })

  it('counts what ever came into the inbox, whatever was taken out of it', async () => {
    const { ledger, task } = await openWithTask()
    const ownership = await takenTask(ledger, task.id)
    expect(await ledger.heartbeat(ownership, 1_000)).toMatchObject({ inboxSequence: 0 })
    await ledger.addToInbox(task.id, feedbackFor(1))
    await ledger.save(ownership, task, { inboxIds: [feedbackFor(1).id] })
    await ledger.addToInbox(task.id, feedbackFor(2))
    expect(await ledger.heartbeat(ownership, 1_000)).toMatchObject({ inboxSequence: 2, inboxKinds: ['feedback'] })
    expect(await ledger.snapshot(task.id)).toMatchObject({ inboxSequence: 2, inbox: [{ kind: 'feedback' }] })
  })
})

describe('holdsLease', () => {
  it('holds for the newest epoch from taking to giving back, and for no other', async () => {
    const { ledger, task } = await openWithTask()
    expect(await ledger.holdsLease(task.id, 0)).toBe(false)
    const first = await takenTask(ledger, task.id, 'w')
    const second = await takenTask(ledger, task.id, 'w')
    expect(await ledger.holdsLease(task.id, first.epoch)).toBe(false)
    expect(await ledger.holdsLease(task.id, second.epoch)).toBe(true)
    expect(await ledger.holdsLease(task.id, second.epoch + 1)).toBe(false)
    await ledger.release(second)
    expect(await ledger.holdsLease(task.id, second.epoch)).toBe(false)
  })

  it('ends when the lease runs out, though nobody else took the task, and lasts as long as it is renewed', async () => {
    const { ledger, task } = await openWithTask()
    const ownership = await takenTask(ledger, task.id, 'w', 200)
    await pause(120)
    await ledger.heartbeat(ownership, 200)
    await pause(120)
    expect(await ledger.holdsLease(task.id, ownership.epoch)).toBe(true)
    await pause(120)
    expect(await ledger.holdsLease(task.id, ownership.epoch)).toBe(false)
  })

  it('does not hold for a task that is not there', async () => {
    const ledger = await fixture.open()
    expect(await ledger.holdsLease(taskIdSchema.parse('t0123456789ab'), 1)).toBe(false)
  })
})

describe('release', () => {
  it('leaves a task at rest until its next inbox item', async () => {
    const { ledger, task } = await openWithTask()
    await ledger.release(await takenTask(ledger, task.id))
    expect(await ledger.dueTasks(10)).toEqual([])
    expect((await ledger.details(task.id))?.due).toBeUndefined()
    await ledger.addToInbox(task.id, feedbackFor(1))
    expect(await ledger.dueTasks(10)).toEqual([task.id])
  })

  it('honours a due time for what its owner knows of and leaves in the inbox, and for nothing newer', async () => {
    const { ledger, task } = await openWithTask()
    await ledger.addToInbox(task.id, feedbackFor(1))
    const next = { dueAtMs: Date.now() + 60_000, reason: 'backoff' }
    const leavesInboxUpTo = (await ledger.snapshot(task.id))?.inboxSequence ?? 0
    await ledger.release(await takenTask(ledger, task.id), { ...next, leavesInboxUpTo })
    expect((await ledger.details(task.id))?.due).toEqual({ atMs: next.dueAtMs, reason: 'backoff' })
    const ownership = await takenTask(ledger, task.id)
    await ledger.addToInbox(task.id, feedbackFor(2))
    await ledger.release(ownership, { ...next, leavesInboxUpTo })
    expect(await ledger.dueTasks(10)).toEqual([task.id])
  })

  it('makes the task due at the given time and remembers why', async () => {
    const { ledger, task } = await openWithTask()
    const dueAtMs = Date.now() + 150
    await ledger.release(await takenTask(ledger, task.id), { dueAtMs, reason: 'backoff' })
    expect(await ledger.dueTasks(10)).toEqual([])
    expect((await ledger.details(task.id))?.due).toEqual({ atMs: dueAtMs, reason: 'backoff' })
    await pause(200)
    expect(await ledger.dueTasks(10)).toEqual([task.id])
  })

  it('makes the task due at once when something waits in its inbox, whatever time was given', async () => {
    const { ledger, task } = await openWithTask()
    const ownership = await takenTask(ledger, task.id)
    await ledger.addToInbox(task.id, feedbackFor(1))
    expect(await ledger.dueTasks(10)).toEqual([])
    await ledger.release(ownership, { dueAtMs: Date.now() + 3_600_000, reason: 'backoff' })
    expect(await ledger.dueTasks(10)).toEqual([task.id])
  })
})

describe('dueTasks', () => {
  it('orders by priority, then by due time, and stops at the limit', async () => {
    const ledger = await fixture.open()
    const create = async (name: string, priority: 'low' | 'medium' | 'high' | 'critical') =>
      (await createdTask(ledger, newTaskFor(name, { planPath: `${name}.md`, priority }))).id
    const low = await create('a', 'low')
    const medium = await create('b', 'medium')
    const critical = await create('c', 'critical')
    const high = await create('d', 'high')
    await pause(3)
    const laterMedium = await create('e', 'medium')
    expect(await ledger.dueTasks(10)).toEqual([critical, high, medium, laterMedium, low])
    expect(await ledger.dueTasks(3)).toEqual([critical, high, medium])
    expect(await ledger.dueTasks(0)).toEqual([])
  })

  it('follows a priority that changes', async () => {
    const ledger = await fixture.open()
    const first = await createdTask(ledger, newTaskFor('a', { planPath: 'a.md' }))
    const second = await createdTask(ledger, newTaskFor('b', { planPath: 'b.md' }))
    const ownership = await takenTask(ledger, second.id)
    await ledger.save(ownership, { ...second, priority: 'critical' })
    await ledger.release(ownership, { dueAtMs: Date.now() + 10, reason: 'test' })
    await pause(30)
    expect(await ledger.dueTasks(10)).toEqual([second.id, first.id])
  })
})

describe('save', () => {
  it('removes exactly the inbox items it names while one arrives', async () => {
    const { ledger, task } = await openWithTask()
    for (const number of [1, 2]) await ledger.addToInbox(task.id, feedbackFor(number))
    const ownership = await takenTask(ledger, task.id)
    const inboxIds = (await ledger.snapshot(task.id))?.inbox.map((item) => item.id) ?? []
    await ledger.addToInbox(task.id, feedbackFor(3))
    await ledger.save(ownership, { ...task, rounds: 1 }, { inboxIds, planText: 'new text' })
    const snapshot = await ledger.snapshot(task.id)
    expect(snapshot?.inbox).toEqual([feedbackFor(3)])
    expect(snapshot?.task.rounds).toBe(1)
    expect(await ledger.planText(task.id)).toBe('new text')
    expect(await ledger.addToInbox(task.id, feedbackFor(1))).toBe('duplicate')
  })

  it('sets the time of the write by the clock of Redis', async () => {
    const { ledger, task } = await openWithTask()
    const ownership = await takenTask(ledger, task.id)
    await pause(5)
    const saved = await ledger.save(ownership, { ...task, updatedAtMs: 1 })
    expect(saved.updatedAtMs).toBeGreaterThan(task.acceptedAtMs)
    expect((await ledger.snapshot(task.id))?.task).toEqual(saved)
  })

  it('refuses the pull request of another unfinished task and changes nothing', async () => {
    const { ledger, task } = await openWithTask()
    const other = await createdTask(ledger, newTaskFor('b', { planPath: 'b.md' }))
    const pullRequest = { number: 5, url: 'https://example.test/5', draft: false }
    await ledger.save(await takenTask(ledger, other.id), { ...other, pullRequest })
    const ownership = await takenTask(ledger, task.id)
    await expect(ledger.save(ownership, { ...task, pullRequest })).rejects.toMatchObject({ code: 'pull-request-taken' })
    expect((await ledger.snapshot(task.id))?.task.pullRequest).toBeUndefined()
    const target = { repository: REPOSITORY, pullNumber: 5 }
    expect(await ledger.deliver(target, feedbackFor(1), 0)).toMatchObject({ taskId: other.id })
  })

  it('refuses a record that does not fit its schema before anything is written', async () => {
    const { ledger, task } = await openWithTask()
    const ownership = await takenTask(ledger, task.id)
    await expect(ledger.save(ownership, { ...task, rounds: -1 })).rejects.toMatchObject({
      code: 'ledger-record-invalid',
    })
    expect((await ledger.snapshot(task.id))?.task).toEqual(task)
  })
})

describe('feedback rows', () => {
  it('adds new rows, leaves known ones as they are, and lists them as submitted', async () => {
    const { ledger, task } = await openWithTask()
    const ownership = await takenTask(ledger, task.id)
    const [one, two] = [feedbackItemFor(1), feedbackItemFor(2)]
    expect(await ledger.addFeedback(ownership, [{ item: two, state: 'open' }])).toEqual([two.id])
    await ledger.updateFeedback(ownership, [{ item: two, state: 'answered', reply: 'done' }])
    const rows = [one, two].map((item) => ({ item, state: 'open' }) as const)
    expect(await ledger.addFeedback(ownership, rows)).toEqual([one.id])
    expect((await ledger.details(task.id))?.feedback).toEqual([
      { item: one, state: 'open' },
      { item: two, state: 'answered', reply: 'done' },
    ])
  })
})

describe('events', () => {
  it('continue after the one already seen and carry the progress along', async () => {
    const { ledger, task } = await openWithTask()
    const ownership = await takenTask(ledger, task.id)
    const [accepted] = await ledger.events(task.id)
    const progress = {
      runId: 'run-1',
      runKind: 'implement',
      stage: 'agent',
      turn: 3,
      costMicroUsd: 7,
      startedAtMs: 1,
      updatedAtMs: 2,
    }
    await ledger.recordEvent(ownership, { kind: 'stage-start', stage: 'agent' }, progress)
    const events = await ledger.events(task.id, accepted?.id)
    expect(events.map(({ event }) => event)).toEqual([{ kind: 'stage-start', stage: 'agent' }])
    expect(Math.abs((events[0]?.atMs ?? 0) - Date.now())).toBeLessThan(5_000)
    expect((await ledger.listTasks(5))[0]).toMatchObject({ task: { id: task.id }, progress })
    await expect(ledger.events(task.id, '$; DROP')).rejects.toMatchObject({ category: 'invalid-input' })
  })

  it('keep about the newest 2,000, 500 at a time', async () => {
    const { ledger, task } = await openWithTask()
    const ownership = await takenTask(ledger, task.id)
    for (let batch = 0; batch < 25; batch++) {
      const events = Array.from({ length: 100 }, (_, index) => batch * 100 + index)
      await Promise.all(
        events.map((turn) => ledger.recordEvent(ownership, { kind: 'tool-call', turn, tool: 'read', detail: '' })),
      )
    }
    let seen = await ledger.events(task.id)
    expect(seen).toHaveLength(500)
    let count = 0
    for (; seen.length > 0; seen = await ledger.events(task.id, seen.at(-1)?.id)) count += seen.length
    expect(count).toBeGreaterThanOrEqual(2_000)
    expect(count).toBeLessThan(2_200)
  })
})

describe('listTasks', () => {
  it('lists the newest first', async () => {
    const ledger = await fixture.open()
    for (const name of ['a', 'b', 'c']) {
      await createdTask(ledger, newTaskFor(name, { planPath: `${name}.md` }))
      await pause(3)
    }
    expect((await ledger.listTasks(2)).map(({ task }) => task.planPath)).toEqual(['c.md', 'b.md'])
  })
})

describe('what was left behind in a repository', () => {
  it('is unknown to a new ledger, and kept whatever the case of the name once it was asked for', async () => {
    const ledger = await fixture.open()
    expect(await ledger.leftBehind(REPOSITORY)).toBeUndefined()
    const left = { version: 1, atMs: 5, pulls: [], branches: [] } as const
    await ledger.rememberLeftBehind(REPOSITORY, { ...left, pulls: [], branches: [] })
    expect(await ledger.leftBehind('Octo-Org/Hello' as typeof REPOSITORY)).toEqual(left)
  })
})
