import { randomUUID } from 'node:crypto'
import { createLogger } from '@devbot/config'
import { DevBotError, type ErrorCode, objectIdSchema, type RunRecord, type TaskId } from '@devbot/contracts'
import { connectLedger, type Ledger } from '@devbot/queue'
import { type StartedRedis, startRedis } from '@devbot/queue/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createActivity } from './activity.ts'
import type { WorkerDeps } from './deps.ts'
import { type OwnedTask, ownTask } from './own-task.ts'
import { type RunLog, withRunLog } from './run-log.ts'
import { acceptedTask } from './testing/accepted-task.ts'

const TREE = objectIdSchema.parse('a'.repeat(40))
const COMMIT = 'c'.repeat(40)

let redis: StartedRedis
let ledger: Ledger
let deps: WorkerDeps

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())
beforeEach(async () => {
  ledger = await connectLedger({ redisUrl: redis.url, instance: `test-${randomUUID().slice(0, 8)}` })
  deps = {
    ledger,
    log: createLogger({ service: 'test', level: 'silent', secrets: [] }),
    settings: { owner: 'worker-1', protocol: 'native', leaseMs: 20_000 },
    activity: createActivity(),
    github: {},
    now: Date.now,
    random: Math.random,
  } as unknown as WorkerDeps
})
afterEach(() => ledger.close())

/** One attempt at a run: it asks for one turn unless there is one, takes a checkpoint, and is ended by `error`. */
async function attempt(
  taskId: TaskId,
  error: DevBotError | undefined,
  more: { readonly model?: string; readonly work?: (log: RunLog, owned: OwnedTask) => Promise<void> } = {},
): Promise<RunLog> {
  let seen: RunLog | undefined
  await ownTask(deps, taskId, new AbortController().signal, async (owned) => {
    await withRunLog(deps, owned, { kind: 'implement', model: more.model ?? 'm' }, async (log) => {
      seen = log
      if (log.before === undefined) await takeTurn(log, owned)
      await more.work?.(log, owned)
      if (error !== undefined) throw error
    }).catch((thrown: unknown) => expect(thrown).toBe(error))
    return undefined
  })
  if (seen === undefined) throw new Error('the run did not begin')
  return seen
}

async function takeTurn(log: RunLog, { ownership }: OwnedTask): Promise<void> {
  const append = (kind: 'start' | 'reply', turn: number, body: object) =>
    ledger.appendTurn(ownership, log.run.id, { kind, turn, body: JSON.stringify(body) })
  await append('start', 0, { firstMessage: 'go', delimiter: 'd', protocol: 'native' })
  const usage = { requestBytes: 1, maxOutputTokens: 1 }
  await append('reply', 1, { content: [{ type: 'text', text: 'I look.' }], stopReason: 'end_turn', usage })
  log.change({ turns: 1, startCommitId: COMMIT })
  await ledger.saveCheckpoint(ownership, { version: 1, runId: log.run.id, turn: 1, startTreeId: TREE, treeId: TREE })
}

const failure = (category: DevBotError['category'], code: ErrorCode) =>
  new DevBotError({ category, code, message: code })
const runsOf = async (taskId: TaskId): Promise<readonly RunRecord[]> => (await ledger.details(taskId))?.runs ?? []

describe('a run after an error', () => {
  it('goes on as the same run, with what it recorded, after one that passes', async () => {
    const task = await acceptedTask(ledger)
    const first = await attempt(task, failure('transient', 'ledger-unavailable'))
    const second = await attempt(task, undefined)
    expect(second.run.id).toBe(first.run.id)
    expect(second.before?.entries).toMatchObject([{ kind: 'reply', turn: 1 }])
    expect(second.checkpoint).toMatchObject({ turn: 1, treeId: TREE })
  })

  it('goes on when the repository’s policy named another model meanwhile', async () => {
    const task = await acceptedTask(ledger)
    const first = await attempt(task, failure('transient', 'ledger-unavailable'), {
      work: async (log) => log.change({ model: 'of-the-policy' }),
    })
    expect((await attempt(task, undefined)).run.id).toBe(first.run.id)
  })

  it('begins anew with the work so far when the operator chose another model', async () => {
    const task = await acceptedTask(ledger)
    const first = await attempt(task, failure('transient', 'ledger-unavailable'))
    const second = await attempt(task, undefined, { model: 'other' })
    expect(second.run).toMatchObject({ startCommitId: COMMIT, turns: 1 })
    expect(second.run.id).not.toBe(first.run.id)
    expect(second.checkpoint).toMatchObject({ turn: 0, treeId: TREE, runId: second.run.id })
  })

  it('begins anew, from the newest base, when the mending is in the repository', async () => {
    const task = await acceptedTask(ledger)
    const first = await attempt(task, failure('sandbox', 'service-not-ready'))
    const second = await attempt(task, undefined, { work: async (log) => expect(log.checkpoint).toBeUndefined() })
    expect(second.run.id).not.toBe(first.run.id)
  })

  it('begins anew when it was cut off five times at the same turn', async () => {
    const task = await acceptedTask(ledger)
    const { run } = await attempt(task, failure('transient', 'ledger-unavailable'))
    const ids: string[] = []
    for (let cut = 0; cut < 6; cut += 1) {
      ids.push((await attempt(task, failure('transient', 'ledger-unavailable'))).run.id)
    }
    expect(ids.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => run.id))
    expect(ids[5]).not.toBe(run.id)
  })

  it('stays finished when something cannot be written after its end', async () => {
    const task = await acceptedTask(ledger)
    await attempt(task, failure('transient', 'ledger-unavailable'), {
      work: async (log) => log.end({ kind: 'finished' }),
    })
    expect((await runsOf(task)).map(({ outcome }) => outcome?.kind)).toEqual(['finished'])
  })
})
