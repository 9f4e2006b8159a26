import { inboxItemFor } from '@devbot/contracts'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createdTask, type LedgerFixture, startLedgerFixture, takenTask } from './testing/ledger-fixture.ts'
import { feedbackFor, feedbackItemFor, newTaskFor, REPOSITORY } from './testing/sample-records.ts'

const BRANCH = 'agent/mine'
const pullRequest = { number: 12, url: 'https://example.test/pull/12', draft: false }
const byNumber = { repository: REPOSITORY, pullNumber: 12 }
const byBranch = { repository: REPOSITORY, branch: BRANCH }

let fixture: LedgerFixture
beforeAll(async () => {
  fixture = await startLedgerFixture()
})
afterAll(() => fixture.stop())

async function openWithTask() {
  const ledger = await fixture.open()
  const task = await createdTask(ledger, newTaskFor('plan', { branch: BRANCH }))
  const inboxIds = async () => (await ledger.snapshot(task.id))?.inbox.map((item) => item.id)
  return { ledger, task, inboxIds }
}

/** Takes the task, records the pull request, gives it back. */
async function publish({ ledger, task }: Awaited<ReturnType<typeof openWithTask>>) {
  const ownership = await takenTask(ledger, task.id)
  await ledger.save(ownership, { ...task, status: 'in-review', pullRequest })
  await ledger.release(ownership)
}

describe('deliver', () => {
  it('adds one item when the same delivery arrives 100 times at once', async () => {
    const { ledger, task, inboxIds } = await openWithTask()
    const item = feedbackFor(1)
    const answers = await Promise.all(Array.from({ length: 100 }, () => ledger.deliver(byBranch, item, 0)))
    expect(answers.filter(({ kind }) => kind === 'added')).toEqual([{ kind: 'added', taskId: task.id }])
    expect(answers.filter(({ kind }) => kind === 'duplicate')).toHaveLength(99)
    expect(await inboxIds()).toEqual([item.id])
  })

  it('brings a command that somebody wrote on the pull request', async () => {
    const made = await openWithTask()
    await publish(made)
    const item = inboxItemFor(feedbackItemFor(3, '/devbot cancel'))
    expect(await made.ledger.deliver(byNumber, item, 0)).toEqual({ kind: 'added', taskId: made.task.id })
    expect((await made.ledger.snapshot(made.task.id))?.inbox).toMatchObject([
      { kind: 'comment-command', command: 'cancel' },
    ])
  })

  it('finds the task whatever the case of owner and name', async () => {
    const { ledger, task } = await openWithTask()
    const target = { repository: 'Octo-Org/Hello' as typeof REPOSITORY, branch: BRANCH }
    expect(await ledger.deliver(target, feedbackFor(1), 0)).toEqual({ kind: 'added', taskId: task.id })
  })

  it('stores what arrives before the task knows its pull request, and moves it in, in order', async () => {
    const opened = await openWithTask()
    const { ledger, inboxIds } = opened
    for (const number of [3, 1, 2]) {
      expect(await ledger.deliver(byNumber, feedbackFor(number), 0)).toEqual({ kind: 'stored' })
    }
    expect(await ledger.deliver(byNumber, feedbackFor(1), 0)).toEqual({ kind: 'duplicate' })
    expect(await ledger.deliver({ ...byNumber, pullNumber: 13 }, feedbackFor(9), 0)).toEqual({ kind: 'stored' })
    await publish(opened)
    expect(await inboxIds()).toEqual([feedbackFor(3).id, feedbackFor(1).id, feedbackFor(2).id])
    expect(await ledger.dueTasks(10)).toEqual([opened.task.id])
    expect(await ledger.deliver(byNumber, feedbackFor(3), 0)).toMatchObject({ kind: 'duplicate' })
  })

  it('stores what arrives before the task exists and moves it in once a task takes that branch', async () => {
    const ledger = await fixture.open()
    expect(await ledger.deliver(byBranch, feedbackFor(1), 0)).toEqual({ kind: 'stored' })
    const task = await createdTask(ledger, newTaskFor('plan', { branch: BRANCH }))
    expect((await ledger.snapshot(task.id))?.inbox).toEqual([feedbackFor(1)])
  })

  it('keeps the newest 1,000 stored items of a repository', async () => {
    const ledger = await fixture.open()
    for (let start = 1; start <= 1_001; start += 91) {
      await Promise.all(
        Array.from({ length: 91 }, (_, index) => ledger.deliver(byBranch, feedbackFor(start + index), 0)),
      )
    }
    const task = await createdTask(ledger, newTaskFor('plan', { branch: BRANCH }))
    const ids = (await ledger.snapshot(task.id))?.inbox.map((item) => item.id) ?? []
    expect(ids).toHaveLength(1_000)
    expect(ids.at(-1)).toBe(feedbackFor(1_001).id)
    expect(ids).not.toContain(feedbackFor(1).id)
  })

  it('forgets what nobody claimed within seven days', async () => {
    const ledger = await fixture.open()
    await ledger.deliver(byBranch, feedbackFor(1), 0)
    const client = new Redis(fixture.redis.url)
    const key = `devbot:${ledger.instance}:stored:${REPOSITORY}`
    const sevenDaysMs = 7 * 24 * 3600 * 1000
    expect(await client.pttl(key)).toBeGreaterThan(sevenDaysMs - 60_000)
    await client.zadd(key, (Date.now() - sevenDaysMs - 1) * 1000, feedbackFor(1).id)
    client.disconnect()
    const task = await createdTask(ledger, newTaskFor('plan', { branch: BRANCH }))
    expect((await ledger.snapshot(task.id))?.inbox).toEqual([])
  })

  it('makes a resting task due after the settling time, put off by what follows', async () => {
    const opened = await openWithTask()
    await publish(opened)
    const { ledger, task } = opened
    await ledger.deliver(byNumber, feedbackFor(1), 10_000)
    const first = await ledger.details(task.id)
    expect(first?.due?.reason).toBe('settling')
    await new Promise((resolve) => setTimeout(resolve, 20))
    await ledger.deliver(byNumber, feedbackFor(2), 10_000)
    const second = await ledger.details(task.id)
    expect(second?.due?.atMs).toBeGreaterThan(first?.due?.atMs ?? 0)
    expect(await ledger.dueTasks(10)).toEqual([])
  })

  it('waits for what belongs to a comment also where a look at the pull request was due sooner', async () => {
    const { ledger, task } = await openWithTask()
    await ledger.release(await takenTask(ledger, task.id), { dueAtMs: Date.now() - 1, reason: 'reconcile' })
    await ledger.deliver(byBranch, feedbackFor(1), 10_000)
    expect(await ledger.dueTasks(10)).toEqual([])
    expect((await ledger.details(task.id))?.due?.reason).toBe('settling')
  })

  it('does not put a settling task off without end', async () => {
    const opened = await openWithTask()
    await publish(opened)
    const { ledger, task } = opened
    for (let number = 1; number < 100; number++) {
      await ledger.deliver(byNumber, feedbackFor(number), 10)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(await ledger.dueTasks(10)).toEqual([task.id])
  })

  it('does not put off a task that is due already', async () => {
    const { ledger, task } = await openWithTask()
    await ledger.deliver(byBranch, feedbackFor(1), 60_000)
    expect(await ledger.dueTasks(10)).toEqual([task.id])
  })

  it('brings a task forward that waits for longer', async () => {
    const { ledger, task } = await openWithTask()
    const ownership = await takenTask(ledger, task.id)
    await ledger.release(ownership, { dueAtMs: Date.now() + 3_600_000, reason: 'backoff' })
    await ledger.deliver(byBranch, feedbackFor(1), 0)
    expect(await ledger.dueTasks(10)).toEqual([task.id])
  })

  it('refuses news of a plan, which have no place in a delivery', async () => {
    const { ledger } = await openWithTask()
    const item = { kind: 'start-requested', id: 'x' } as const
    await expect(ledger.deliver(byBranch, item, 0)).rejects.toMatchObject({ category: 'bug' })
  })
})

describe('a flood of very long comments', () => {
  const long = (number: number) => feedbackFor(number, `${number} `.padEnd(65_000, 'x'))

  it('is kept to 4 MiB, is read in parts after the news that the pull request was closed, and makes room again', async () => {
    const { ledger, task } = await openWithTask()
    const answers: string[] = []
    for (let number = 1; number <= 70; number++) {
      answers.push(
        await ledger.deliver(byBranch, long(number), 0).then(
          ({ kind }) => kind,
          ({ code }) => code,
        ),
      )
    }
    expect(answers.filter((answer) => answer === 'added').length).toBe(64)
    expect(answers.slice(64)).toEqual(Array(6).fill('inbox-full'))
    const closed = { kind: 'pull-request', id: 'closed-1', action: 'closed', pullNumber: 12, actor: 'mona' } as const
    expect(await ledger.deliver(byBranch, closed, 0)).toMatchObject({ kind: 'added' })

    const ownership = await takenTask(ledger, task.id)
    const first = (await ledger.snapshot(task.id))?.inbox ?? []
    expect(first[0]).toEqual(closed)
    expect(first.length).toBeLessThan(40)
    const read: string[] = []
    for (let inbox = first; inbox.length > 0; inbox = (await ledger.snapshot(task.id))?.inbox ?? []) {
      read.push(...inbox.map(({ id }) => id))
      await ledger.save(ownership, task, { inboxIds: inbox.map(({ id }) => id) })
    }
    expect(read).toEqual([closed.id, ...Array.from({ length: 64 }, (_, index) => long(index + 1).id)])
    expect(await ledger.deliver(byBranch, long(66), 0)).toMatchObject({ kind: 'added' })
  })

  it('does not fill the rows of a task beyond what one reading takes', async () => {
    const { ledger, task } = await openWithTask()
    const ownership = await takenTask(ledger, task.id)
    for (let number = 1; number <= 140; number++) {
      await ledger.addFeedback(ownership, [{ item: long(number).item, state: 'open' }])
    }
    const rows = (await ledger.details(task.id))?.feedback ?? []
    expect(rows.length).toBe(128)
    // Judged and shrunk, rows make room for what was left out.
    await ledger.updateFeedback(
      ownership,
      rows.map(({ item }) => ({ item: { ...item, body: '' }, state: 'dropped' as const })),
    )
    expect(await ledger.addFeedback(ownership, [{ item: long(140).item, state: 'open' }])).toHaveLength(1)
  })
})
