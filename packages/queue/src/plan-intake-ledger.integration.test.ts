import { type InboxItem, inboxItemFor, planHashFor, taskIdSchema } from '@devbot/contracts'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createdTask, type LedgerFixture, startLedgerFixture, takenTask } from './testing/ledger-fixture.ts'
import { editFor, feedbackFor, feedbackItemFor, newTaskFor, REPOSITORY } from './testing/sample-records.ts'

let fixture: LedgerFixture
beforeAll(async () => {
  fixture = await startLedgerFixture()
})
afterAll(() => fixture.stop())

describe('createTask', () => {
  it('creates exactly one task when the same plan is accepted 50 times at once', async () => {
    const ledger = await fixture.open()
    const answers = await Promise.all(Array.from({ length: 50 }, () => ledger.createTask(newTaskFor('plan'))))
    expect(answers.filter((answer) => answer.kind === 'created')).toHaveLength(1)
    expect(new Set(answers.map((answer) => answer.kind !== 'branch-taken' && answer.task.id)).size).toBe(1)
    expect(await ledger.countTasks()).toBe(1)
  })

  it('accepts 50 plans of the same name in the same moment on 50 branches', async () => {
    const ledger = await fixture.open()
    const plans = Array.from({ length: 50 }, (_, index) =>
      newTaskFor(`plan ${index}`, { planPath: `f${index}/fix.md` }),
    )
    const tasks = await Promise.all(plans.map((plan) => createdTask(ledger, plan)))
    expect(new Set(tasks.map((task) => task.branch)).size).toBe(50)
    for (const { branch } of tasks) expect(branch).toMatch(/^agent\/fix-\d{10}(-\d+)?$/)
  })

  it('makes the task due at once, by its priority, and names its branch after the second of acceptance', async () => {
    const ledger = await fixture.open()
    const task = await createdTask(ledger, newTaskFor('plan'))
    expect(task).toMatchObject({ generation: 1, status: 'ready', planPath: 'add-retry.md' })
    expect(task.branch).toBe(`agent/add-retry-${Math.floor(task.acceptedAtMs / 1000)}`)
    expect(await ledger.dueTasks(10)).toEqual([task.id])
    expect(await ledger.planText(task.id)).toBe('plan')
    expect((await ledger.events(task.id)).map(({ event }) => event.kind)).toEqual(['task-accepted'])
  })

  it('holds a task that was accepted with a reason to wait, until its start is requested', async () => {
    const ledger = await fixture.open()
    const task = await createdTask(ledger, newTaskFor('plan', { heldBecause: 'first start' }))
    expect(task).toMatchObject({ status: 'held', statusReason: 'first start' })
    // An earlier ledger may have opened its pull request: that is looked for at once, held or not.
    expect(await ledger.dueTasks(10)).toEqual([task.id])
    await ledger.release(await takenTask(ledger, task.id))
    expect(await ledger.dueTasks(10)).toEqual([])
    await ledger.addToInbox(task.id, { kind: 'start-requested', id: 'start-1' })
    expect(await ledger.dueTasks(10)).toEqual([task.id])
  })

  it('refuses a branch that another task has, and names that task', async () => {
    const ledger = await fixture.open()
    const first = await createdTask(ledger, newTaskFor('a', { branch: 'agent/mine' }))
    const second = await ledger.createTask(newTaskFor('b', { planPath: 'other.md', branch: 'agent/mine' }))
    expect(second).toEqual({ kind: 'branch-taken', by: first.id })
    expect(await ledger.countTasks()).toBe(1)
  })

  it('starts the next generation for changed content after an ending, and nothing for the same content', async () => {
    const ledger = await fixture.open()
    const first = await createdTask(ledger, newTaskFor('one'))
    expect(await ledger.createTask(newTaskFor('two'))).toMatchObject({ kind: 'existing', task: { id: first.id } })
    const ownership = await takenTask(ledger, first.id)
    await ledger.save(ownership, { ...first, status: 'merged', endedAtMs: first.acceptedAtMs })
    expect(await ledger.createTask(newTaskFor('one'))).toMatchObject({ kind: 'existing', task: { status: 'merged' } })
    const second = await createdTask(ledger, newTaskFor('two'))
    expect(second.generation).toBe(2)
    expect(second.id).not.toBe(first.id)
    expect(await ledger.planTaskAt(REPOSITORY, 'add-retry.md')).toMatchObject({ id: second.id })
  })

  it('keeps tasks of other instances apart', async () => {
    const [one, two] = [await fixture.open(), await fixture.open()]
    await createdTask(one, newTaskFor('plan'))
    expect(await two.countTasks()).toBe(0)
    expect(await two.planTaskAt(REPOSITORY, 'add-retry.md')).toBeUndefined()
  })
})

describe('planTaskWithHash', () => {
  it('finds a task by its newest revision, and no longer by an older one', async () => {
    const ledger = await fixture.open()
    const task = await createdTask(ledger, newTaskFor('one'))
    expect(await ledger.addToInbox(task.id, editFor('two'))).toBe('added')
    expect(await ledger.planTaskWithHash(REPOSITORY, planHashFor('one'))).toBeUndefined()
    expect(await ledger.planTaskWithHash(REPOSITORY, planHashFor('two'))).toEqual({
      id: task.id,
      planPath: 'add-retry.md',
      planHash: planHashFor('one'),
      latestPlanHash: planHashFor('two'),
      status: 'ready',
      generation: 1,
      branch: task.branch,
      adopted: false,
    })
  })
})

describe('moveTask', () => {
  it('finds the task at its new path only and tells its owner', async () => {
    const ledger = await fixture.open()
    const task = await createdTask(ledger, newTaskFor('plan'))
    await ledger.moveTask(task.id, 'renamed.md')
    await ledger.moveTask(task.id, 'renamed.md')
    expect(await ledger.planTaskAt(REPOSITORY, 'add-retry.md')).toBeUndefined()
    expect(await ledger.planTaskAt(REPOSITORY, 'renamed.md')).toMatchObject({ id: task.id, planPath: 'renamed.md' })
    const snapshot = await ledger.snapshot(task.id)
    expect(snapshot?.inbox).toMatchObject([{ kind: 'plan-moved', planPath: 'renamed.md' }])
  })

  it('leaves the old path to a next generation and counts on at the new one', async () => {
    const ledger = await fixture.open()
    const task = await createdTask(ledger, newTaskFor('plan'))
    await ledger.moveTask(task.id, 'renamed.md')
    const next = await createdTask(ledger, newTaskFor('another plan'))
    expect(next).toMatchObject({ generation: 2 })
    const ownership = await takenTask(ledger, task.id)
    await ledger.save(ownership, { ...task, status: 'closed', endedAtMs: 1 })
    expect(await createdTask(ledger, newTaskFor('third', { planPath: 'renamed.md' }))).toMatchObject({ generation: 2 })
  })

  it('refuses a path where another unfinished task is', async () => {
    const ledger = await fixture.open()
    const task = await createdTask(ledger, newTaskFor('a'))
    await createdTask(ledger, newTaskFor('b', { planPath: 'other.md' }))
    await expect(ledger.moveTask(task.id, 'other.md')).rejects.toMatchObject({ code: 'plan-path-taken' })
    expect(await ledger.planTaskAt(REPOSITORY, 'add-retry.md')).toMatchObject({ id: task.id })
  })

  it('moves back and forth', async () => {
    const ledger = await fixture.open()
    const task = await createdTask(ledger, newTaskFor('a'))
    for (const path of ['b.md', 'add-retry.md', 'b.md']) await ledger.moveTask(task.id, path)
    expect(await ledger.planTaskAt(REPOSITORY, 'b.md')).toMatchObject({ id: task.id })
    expect((await ledger.snapshot(task.id))?.inbox).toHaveLength(3)
  })
})

describe('addToInbox', () => {
  it('adds one item when it arrives 100 times at once', async () => {
    const ledger = await fixture.open()
    const { id } = await createdTask(ledger, newTaskFor('plan'))
    const answers = await Promise.all(Array.from({ length: 100 }, () => ledger.addToInbox(id, feedbackFor(1))))
    expect(answers.filter((answer) => answer === 'added')).toHaveLength(1)
    expect(answers.filter((answer) => answer === 'duplicate')).toHaveLength(99)
  })

  it('says so when there is no such task', async () => {
    const ledger = await fixture.open()
    const id = taskIdSchema.parse('t0123456789ab')
    expect(await ledger.addToInbox(id, feedbackFor(1))).toBe('unknown-task')
  })

  it('keeps a plan that is edited back and forth at its last text', async () => {
    const ledger = await fixture.open()
    const { id } = await createdTask(ledger, newTaskFor('one'))
    const answers = []
    for (const text of ['two', 'two', 'one', 'two', 'three']) answers.push(await ledger.addToInbox(id, editFor(text)))
    expect(answers).toEqual(['added', 'duplicate', 'added', 'added', 'added'])
    expect((await ledger.snapshot(id))?.inbox).toEqual([editFor('three')])
  })

  it('hears a cancellation of the very revision it works on', async () => {
    const ledger = await fixture.open()
    const task = await createdTask(ledger, newTaskFor('one'))
    const cancel = { kind: 'plan-cancelled', id: 'cancel-1', planHash: task.planHash } as const
    expect(await ledger.addToInbox(task.id, cancel)).toBe('added')
    expect(await ledger.addToInbox(task.id, cancel)).toBe('duplicate')
  })

  it('keeps room for 300 commands beside whatever feedback waits, and reads all of them', async () => {
    const ledger = await fixture.open()
    const task = await createdTask(ledger, newTaskFor('one'))
    const add = (from: number, count: number, itemFor: (number: number) => InboxItem) =>
      Promise.all(Array.from({ length: count }, (_, index) => ledger.addToInbox(task.id, itemFor(from + index))))
    const command = (number: number) => inboxItemFor(feedbackItemFor(number, '/devbot cancel\n'.padEnd(65_000, 'x')))
    await add(1, 1000, feedbackFor)
    await add(2000, 300, command)
    await expect(ledger.addToInbox(task.id, command(3000))).rejects.toMatchObject({ code: 'inbox-full' })
    const inbox = (await ledger.snapshot(task.id))?.inbox ?? []
    expect(inbox.filter(({ kind }) => kind === 'comment-command')).toHaveLength(300)
  })

  it('refuses feedback beyond its limit but still hears a cancellation', async () => {
    const ledger = await fixture.open()
    const task = await createdTask(ledger, newTaskFor('one'))
    await Promise.all(Array.from({ length: 1000 }, (_, index) => ledger.addToInbox(task.id, feedbackFor(index + 1))))
    await expect(ledger.addToInbox(task.id, feedbackFor(2000))).rejects.toMatchObject({ code: 'inbox-full' })
    const cancel = { kind: 'plan-cancelled', id: 'cancel-1', planHash: task.planHash } as const
    expect(await ledger.addToInbox(task.id, cancel)).toBe('added')
  })
})

describe('identity', () => {
  it('is the same for everybody until the ledger is emptied', async () => {
    const ledger = await fixture.open()
    const other = await fixture.open(ledger.instance)
    const identity = await ledger.identity()
    expect(await other.identity()).toBe(identity)
    const client = new Redis(fixture.redis.url)
    await client.del(`devbot:${ledger.instance}:identity`)
    client.disconnect()
    expect(await other.identity()).not.toBe(identity)
  })
})
