import type { Task } from '@devbot/contracts'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { connectLedger } from './connect-ledger.ts'
import type { Ledger } from './ledger.ts'
import { LEDGER_VERSION } from './records.ts'
import { createdTask, takenTask } from './testing/ledger-fixture.ts'
import { feedbackFor, feedbackItemFor, freshInstance, newTaskFor, runFor } from './testing/sample-records.ts'
import { type StartedRedis, startRedis } from './testing/start-redis.ts'

const PASSWORD = 'correct-horse-battery'
let redis: StartedRedis
const ledgers: Ledger[] = []

beforeEach(async () => {
  redis = await startRedis({ password: PASSWORD })
})
afterEach(async () => {
  await Promise.all(ledgers.splice(0).map((ledger) => ledger.close()))
  await redis.stop()
})

async function open(changes: { redisUrl?: string; instance?: string } = {}) {
  const ledger = await connectLedger({ redisUrl: redis.url, instance: freshInstance(), ...changes })
  ledgers.push(ledger)
  return ledger
}

async function failureOf(work: Promise<unknown>): Promise<Error> {
  try {
    await work
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('expected a failure')
}

describe('connectLedger', () => {
  it('has everything after Redis was killed right behind a write', async () => {
    const instance = freshInstance()
    const ledger = await open({ instance })
    const task = await createdTask(ledger, newTaskFor('plan'))
    const ownership = await takenTask(ledger, task.id)
    await ledger.addToInbox(task.id, feedbackFor(1))
    await ledger.saveRun(ownership, runFor('run-1'))
    await ledger.appendTurn(ownership, 'run-1', { kind: 'reply', turn: 1, body: '{}' })
    const saved = await ledger.save(ownership, { ...task, rounds: 1 })
    await redis.kill()
    await redis.restart()

    const after = await open({ instance })
    expect(await after.snapshot(task.id)).toMatchObject({ task: saved, inbox: [feedbackFor(1)] })
    expect(await after.turns('run-1')).toHaveLength(1)
    expect((await after.details(task.id))?.runs).toMatchObject([{ id: 'run-1' }])
    expect(await after.planText(task.id)).toBe('plan')
    expect(await after.heartbeat(ownership, 1_000)).toMatchObject({ held: true })
  })

  it('fails soon while Redis is away and works again once it is back', async () => {
    const ledger = await open()
    await redis.kill()
    for (let attempt = 0; attempt < 3; attempt++) {
      const startedAt = performance.now()
      const failure = await failureOf(ledger.createTask(newTaskFor('plan')))
      expect(failure).toMatchObject({ category: 'transient', code: 'ledger-unavailable' })
      expect(performance.now() - startedAt).toBeLessThan(3_000)
    }
    await redis.restart()
    await vi.waitFor(() => ledger.createTask(newTaskFor('plan')), { timeout: 5_000 })
    expect(await ledger.countTasks()).toBe(1)
  })

  it('fails soon while Redis hangs', async () => {
    const ledger = await open()
    const blocker = new Redis(redis.url)
    await blocker.call('CLIENT', 'PAUSE', '4000', 'ALL')
    const startedAt = performance.now()
    const failure = await failureOf(ledger.countTasks())
    expect(failure).toMatchObject({ category: 'transient', code: 'ledger-unavailable' })
    expect(performance.now() - startedAt).toBeLessThan(3_000)
    blocker.disconnect()
    await vi.waitFor(() => ledger.countTasks(), { timeout: 10_000, interval: 200 })
  })

  it('rejects a wrong password without repeating it', async () => {
    const wrong = redis.url.replace(PASSWORD, 'not-the-password')
    const failure = await failureOf(open({ redisUrl: wrong }))
    expect(failure).toMatchObject({ category: 'config', code: 'ledger-refused' })
    expect(JSON.stringify([failure.message, failure.stack, failure.cause, String(failure.cause)])).not.toMatch(
      /not-the-pass/,
    )
  })

  it('rejects a missing password', async () => {
    const failure = await failureOf(open({ redisUrl: redis.url.replace(`:${PASSWORD}@`, '') }))
    expect(failure).toMatchObject({ category: 'config', code: 'ledger-refused' })
  })

  it('rejects within three seconds when nothing listens, without naming the password', async () => {
    await redis.kill()
    const startedAt = performance.now()
    const failure = await failureOf(open())
    expect(performance.now() - startedAt).toBeLessThan(3_000)
    expect(failure).toMatchObject({ category: 'transient', code: 'ledger-unavailable' })
    expect(failure.message).not.toContain(PASSWORD)
    expect(failure.message).toContain(new URL(redis.url).host)
  })

  it('rejects addresses and instance names that cannot be right, without repeating an address', async () => {
    const failure = await failureOf(open({ redisUrl: 'http://user:secret@host' }))
    expect(failure).toMatchObject({ category: 'config', code: 'redis-url' })
    expect(failure.message).not.toContain('secret')
    expect(await failureOf(open({ instance: 'a:b' }))).toMatchObject({ category: 'config', code: 'instance-name' })
  })

  it('closes while Redis is away', async () => {
    const ledger = await open()
    await redis.kill()
    await failureOf(ledger.countTasks())
    await ledger.close()
    await ledger.close()
  })

  it('names the key of a record that is broken or was written by a newer DevBot', async () => {
    const instance = freshInstance()
    const ledger = await open({ instance })
    const task = await createdTask(ledger, newTaskFor('plan'))
    const client = new Redis(redis.url)
    const key = `devbot:${instance}:task:${task.id}`
    const corrupt = { category: 'bug', code: 'ledger-corrupt', message: expect.stringContaining(`task:${task.id}`) }
    await client.hset(key, 'record', '{"version":1')
    await expect(ledger.snapshot(task.id)).rejects.toMatchObject(corrupt)
    await client.hset(key, 'record', JSON.stringify({ ...task, rounds: 'many' }))
    await expect(ledger.snapshot(task.id)).rejects.toMatchObject(corrupt)
    await client.hset(key, 'record', JSON.stringify({ ...task, version: LEDGER_VERSION + 1 }))
    await expect(ledger.snapshot(task.id)).rejects.toMatchObject({ category: 'config', code: 'ledger-newer' })
    client.disconnect()
  })
})

describe('raiseVersion', () => {
  it('marks an older ledger as one of this version, and never lowers a newer one', async () => {
    const client = new Redis(redis.url)
    for (const [before, after] of [
      [undefined, LEDGER_VERSION],
      [1, LEDGER_VERSION],
      [LEDGER_VERSION + 1, LEDGER_VERSION + 1],
    ]) {
      const instance = freshInstance()
      if (before !== undefined) await client.set(`devbot:${instance}:schema`, before)
      await (await open({ instance })).raiseVersion()
      expect(await client.get(`devbot:${instance}:schema`)).toBe(String(after))
    }
    client.disconnect()
  })

  it('lets what version 1 left at rest with a pull request be looked at, once', async () => {
    const instance = freshInstance()
    const ledger = await open({ instance })
    const pullRequest = { number: 1, url: 'https://github.invalid/1', draft: false }
    const atRest = async (planPath: string, changes: Partial<Task>) => {
      const task = await createdTask(ledger, newTaskFor(planPath, { planPath }))
      const ownership = await takenTask(ledger, task.id)
      await ledger.save(ownership, { ...task, ...changes })
      await ledger.release(ownership)
      return task.id
    }
    const pull = (number: number) => ({ pullRequest: { ...pullRequest, number } })
    const endedDaysAgo = (days: number) => ({ status: 'closed' as const, endedAtMs: Date.now() - days * 86_400_000 })
    const held = await atRest('held.md', { status: 'held', ...pull(1) })
    const closed = await atRest('closed.md', { ...endedDaysAgo(6), ...pull(2) })
    await atRest('long-closed.md', { ...endedDaysAgo(8), ...pull(3) })
    await atRest('not-begun.md', { status: 'held' })
    await atRest('merged.md', { ...endedDaysAgo(1), status: 'merged', ...pull(4) })
    await ledger.raiseVersion()
    expect(await ledger.dueTasks(10)).toEqual([])
    const client = new Redis(redis.url)
    await client.set(`devbot:${instance}:schema`, 1)
    client.disconnect()
    await ledger.raiseVersion()
    expect([...(await ledger.dueTasks(10))].sort()).toEqual([held, closed].sort())
    await ledger.release(await takenTask(ledger, held))
    await ledger.raiseVersion()
    expect(await ledger.dueTasks(10)).toEqual([closed])
  })

  it('counts no bytes below nothing for what version 1 wrote without counting', async () => {
    const instance = freshInstance()
    const ledger = await open({ instance })
    const task = await createdTask(ledger, newTaskFor('plan'))
    const ownership = await takenTask(ledger, task.id)
    const row = { item: feedbackItemFor(1, 'long '.repeat(100)), state: 'open' as const }
    await ledger.addToInbox(task.id, feedbackFor(2))
    await ledger.addFeedback(ownership, [row])
    const client = new Redis(redis.url)
    await client.hdel(`devbot:${instance}:task:${task.id}`, 'inboxBytes', 'feedbackBytes')
    await ledger.save(ownership, task, { inboxIds: [feedbackFor(2).id] })
    await ledger.updateFeedback(ownership, [{ item: { ...row.item, body: '' }, state: 'dropped' }])
    expect(await client.hmget(`devbot:${instance}:task:${task.id}`, 'inboxBytes', 'feedbackBytes')).toEqual(['0', '0'])
    client.disconnect()
  })
})

describe('checkSafety', () => {
  it('accepts a Redis that keeps what it promised', async () => {
    await (await open()).checkSafety()
  })

  it('names every finding at once', async () => {
    const instance = freshInstance()
    const ledger = await open({ instance })
    const client = new Redis(redis.url)
    await client.config('SET', 'maxmemory-policy', 'allkeys-lru')
    await client.config('SET', 'appendfsync', 'everysec')
    await client.config('SET', 'appendonly', 'no')
    await client.set(`devbot:${instance}:schema`, LEDGER_VERSION + 1)
    client.disconnect()
    const failure = await failureOf(ledger.checkSafety())
    expect(failure).toMatchObject({ category: 'config', code: 'ledger-unsafe' })
    for (const word of [
      'maxmemory-policy',
      'allkeys-lru',
      'appendfsync',
      'everysec',
      'appendonly',
      `version ${LEDGER_VERSION + 1}`,
    ]) {
      expect(failure.message).toContain(word)
    }
  })

  it('says what to allow when this user may not read the settings', async () => {
    const client = new Redis(redis.url)
    await client.call('ACL', 'SETUSER', 'devbot', 'on', '>pw', '~devbot:*', '+@all', '-config')
    client.disconnect()
    const ledger = await open({ redisUrl: redis.url.replace(`:${PASSWORD}@`, 'devbot:pw@') })
    const failure = await failureOf(ledger.checkSafety())
    expect(failure.message).toContain('+config|get')
    await createdTask(ledger, newTaskFor('plan'))
  })
})
