import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLogger } from '@devbot/config'
import {
  DevBotError,
  type FeedbackItem,
  feedbackIdFor,
  feedbackItemSchema,
  type InboxItem,
  inboxItemFor,
  planHashFor,
  repositoryNameSchema,
  type Task,
} from '@devbot/contracts'
import type { GitHubClient } from '@devbot/github'
import { connectLedger } from '@devbot/queue'
import { startRedis } from '@devbot/queue/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createActivity } from './activity.ts'
import { advanceTask } from './advance-task.ts'
import { collectRound } from './collect-round.ts'
import type { WorkerDeps } from './deps.ts'
import { type OwnedTask, ownTask } from './own-task.ts'

let redis: Awaited<ReturnType<typeof startRedis>>
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())

const MINUTE_MS = 60_000
const inReview: Partial<Task> = {
  status: 'in-review',
  pullRequest: { number: 12, url: 'https://github.test/octo-org/hello/pull/12', draft: false },
}
const never = new AbortController().signal

function commentOf(objectId: number, body: string, author: string): FeedbackItem {
  const identity = { repositoryId: 7, kind: 'conversation-comment', objectId, body } as const
  const rest = { version: 1, pullNumber: 12, author, authorKind: 'user', submittedAt: '2026-01-01T00:00:00Z' }
  return feedbackItemSchema.parse({ ...identity, ...rest, id: feedbackIdFor(identity) })
}

const cancelBy = (author: string, objectId = 1): InboxItem =>
  inboxItemFor(commentOf(objectId, '/devbot cancel', author))

const refuse = async () => {
  throw new DevBotError({ category: 'permission', code: 'github-unauthorized', message: 'GitHub says 401' })
}

/** A task on a real ledger, saved with `changes`, and the parts of a worker that these stories meet. */
async function startTask(github: Partial<GitHubClient>, changes: Partial<Task> = {}) {
  const ledger = await connectLedger({ redisUrl: redis.url, instance: `test-${randomUUID().slice(0, 8)}` })
  const created = await ledger.createTask({
    repository: repositoryNameSchema.parse('octo-org/hello'),
    planPath: 'a.md',
    planHash: planHashFor('plan'),
    planText: 'plan',
    title: 'Add a retry',
    priority: 'medium',
    branchPrefix: 'agent/',
  })
  if (created.kind !== 'created') throw new Error(`expected a created task, got ${created.kind}`)
  const { id } = created.task
  const taken = await ledger.take(id, 'before', MINUTE_MS)
  if (taken.kind !== 'taken') throw new Error(`expected to take the task, it is ${taken.kind}`)
  const { adoption: _asked, ...known } = created.task
  await ledger.save(taken.ownership, { ...known, reportDue: false, ...changes })
  await ledger.release(taken.ownership)
  const deps = {
    ledger,
    github: { login: async () => 'devbot', ...github },
    settings: { owner: 'worker', leaseMs: MINUTE_MS, reconcileMs: 5 * MINUTE_MS },
    activity: createActivity(),
    log: createLogger({ service: 'test', level: 'silent', secrets: [] }),
    now: Date.now,
    random: () => 0,
  } as object as WorkerDeps
  const details = async () => {
    const found = await ledger.details(id)
    if (found === undefined) throw new Error('expected the task to be there')
    return found
  }
  return { deps, ledger, id, details, [Symbol.asyncDispose]: () => ledger.close() }
}

describe('a command whose author GitHub does not name', () => {
  const waitsMs = Date.now() + 3_600_000

  it('waits in the inbox, says why on the task, and is looked at again in time', async () => {
    await using task = await startTask({ permissionOf: refuse }, { notBeforeMs: waitsMs })
    await task.ledger.addToInbox(task.id, cancelBy('mona'))
    await task.ledger.addToInbox(task.id, { kind: 'plan-moved', id: 'moved', planPath: 'b.md' })
    await advanceTask(task.deps, task.id, never)
    const { due, ...after } = await task.details()
    expect(after).toMatchObject({ task: { planPath: 'b.md', statusCode: 'github-unauthorized' }, inboxCount: 1 })
    expect(after.task.statusReason).toMatch(/^a command on the pull request waits/)
    expect(due?.atMs).toBeGreaterThan(Date.now() + 30_000)
    expect(due?.atMs).toBeLessThan(waitsMs)
  })

  it('leaves a held task its reason, and does not let it spin', async () => {
    await using task = await startTask({ permissionOf: refuse }, { status: 'held', statusReason: 'a person is needed' })
    await task.ledger.addToInbox(task.id, cancelBy('mona'))
    await advanceTask(task.deps, task.id, never)
    expect(await task.details()).toMatchObject({ task: { statusReason: 'a person is needed' }, inboxCount: 1 })
    expect(await task.ledger.dueTasks(10)).toEqual([])
    expect((await task.details()).due?.atMs).toBeGreaterThan(Date.now() + 30_000)
  })
})

describe('a reason that a command waits', () => {
  it('goes when the command was heard', async () => {
    let known = false
    const permissionOf = async () => (known ? ('none' as const) : refuse())
    const pullRequest = async () => ({ state: 'open' }) as Awaited<ReturnType<GitHubClient['pullRequest']>>
    await using task = await startTask({ permissionOf, pullRequest, listFeedback: async () => [] }, inReview)
    await task.ledger.addToInbox(task.id, cancelBy('outsider'))
    await advanceTask(task.deps, task.id, never)
    expect(await task.details()).toMatchObject({ task: { statusCode: 'github-unauthorized' }, inboxCount: 1 })
    known = true
    await advanceTask(task.deps, task.id, never)
    expect(await task.details()).toMatchObject({ inboxCount: 0, due: { reason: 'reconcile' } })
    expect((await task.details()).task.statusReason).toBeUndefined()
  })
})

describe('a stop', () => {
  it('for a look into the inbox becomes one for the shutdown that came meanwhile', async () => {
    await using task = await startTask({ permissionOf: async () => 'write' })
    const shutdown = new AbortController()
    const reasons: unknown[] = []
    await ownTask(task.deps, task.id, shutdown.signal, async (owned) => {
      await task.ledger.addToInbox(task.id, { kind: 'pause-requested', id: 'p', by: 'mona' })
      await expect(owned.mayAct()).rejects.toMatchObject({ code: 'task-may-have-ended' })
      shutdown.abort()
      owned.rearm()
      reasons.push(owned.signal.reason)
      return undefined
    })
    expect(reasons).toMatchObject([{ code: 'worker-stopping' }])
  })

  it('of a worker that shuts down leaves the task due, though an item stopped the step first', async () => {
    const shutdown = new AbortController()
    const reopened = { kind: 'pull-request', id: 'r', action: 'reopened', pullNumber: 12, actor: 'mona' } as const
    let requests = 0
    const pullRequest = async () => {
      requests += 1
      if (requests === 1) {
        await task.ledger.addToInbox(task.id, reopened)
        // Longer than a heartbeat, by which the item stops the step.
        await sleep(1_200)
        shutdown.abort()
      }
      throw new DevBotError({ category: 'cancelled', code: 'worker-stopping', message: 'stopped' })
    }
    await using task = await startTask({ pullRequest }, inReview)
    await advanceTask(task.deps, task.id, shutdown.signal)
    expect(await task.details()).toMatchObject({ inboxCount: 0, due: { reason: 'worker-stopping' } })
    expect(requests).toBe(2)
  })
})

describe('a round', () => {
  it('begins although there is no room for the commands that GitHub lists', async () => {
    const asked = commentOf(2, '/devbot rename this', 'mona')
    const listed = [commentOf(1, '/devbot cancel', 'outsider'), asked]
    await using task = await startTask({ listFeedback: async () => listed, permissionOf: async () => 'write' })
    for (let number = 1000; number < 1300; number += 1) await task.ledger.addToInbox(task.id, cancelBy('x', number))
    const round: unknown[] = []
    await ownTask(task.deps, task.id, never, async (owned: OwnedTask) => {
      round.push(await collectRound(task.deps, owned, 12))
      return undefined
    })
    expect(round).toMatchObject([[{ item: { id: asked.id } }]])
  })
})
