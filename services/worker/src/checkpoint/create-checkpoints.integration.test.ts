import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Secret } from '@devbot/config'
import { type ObjectId, objectIdSchema } from '@devbot/contracts'
import { openRepositoryStore, type RepositoryStore } from '@devbot/git'
import { connectLedger, type Ledger, type Ownership } from '@devbot/queue'
import { type StartedRedis, startRedis } from '@devbot/queue/testing'
import { createProcessDriver, initThrowawayRepository, type Sandbox } from '@devbot/sandbox'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { stopReason } from '../own-task.ts'
import { collectChange } from '../stages/collect-change.ts'
import type { Source } from '../stages/prepare.ts'
import { acceptedTask } from '../testing/accepted-task.ts'
import { type CheckpointedRun, createCheckpoints } from './create-checkpoints.ts'
import { overlayTree, restoreCheckpoint } from './restore-checkpoint.ts'

const SECRET = 'ghp_0123456789abcdefghij'

let redis: StartedRedis
let root: string
let ledger: Ledger
let ownership: Ownership
let store: RepositoryStore
let source: Source
let sandbox: Sandbox
let runId: string
let warnings: string[]

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'devbot-checkpoints-'))
  ledger = await connectLedger({ redisUrl: redis.url, instance: `test-${randomUUID().slice(0, 8)}` })
  ownership = await take(await acceptedTask(ledger), 60_000)
  store = await openStore('store.git')
  source = sourceIn(store, await startTree(store))
  sandbox = await openSandbox()
  runId = `r${randomUUID()}`
  warnings = []
})
afterEach(async () => {
  await sandbox[Symbol.asyncDispose]()
  await ledger.close()
  rmSync(root, { recursive: true, force: true })
})

async function take(taskId: Ownership['taskId'], leaseMs: number): Promise<Ownership> {
  const taken = await ledger.take(taskId, 'worker-1', leaseMs)
  if (taken.kind !== 'taken') throw new Error(`the task is ${taken.kind}`)
  return taken.ownership
}

const openStore = (name: string) =>
  openRepositoryStore({
    directory: join(root, name),
    remoteUrl: 'http://127.0.0.1:9/a/b.git',
    credentials: async () => ({ username: '', password: '' }),
    author: { name: 'a', email: 'a@localhost' },
    networkTimeoutMs: 1000,
  })

async function startTree(into: RepositoryStore, text = 'one\n'): Promise<ObjectId> {
  for (const name of ['store.git', 'other.git'])
    execFileSync('sh', ['-c', `! [ -d ${name} ] || git -C ${name} mktree </dev/null >/dev/null`], { cwd: root })
  const empty = objectIdSchema.parse('4b825dc642cb6eb9a060e54bf8d69288fbee4904')
  const files = { 'a.txt': text, 'gone.txt': 'x', '.gitignore': 'ignored\n', 'src/b.txt': 'b' }
  return await into.writeTree(
    empty,
    Object.entries(files).map(([path, bytes]) => ({ kind: 'put', path, mode: '100644', bytes: Buffer.from(bytes) })),
  )
}

function sourceIn(into: RepositoryStore, startTreeId: ObjectId): Source {
  return { store: into, startTreeId, rules: { protectedPaths: [] } } as unknown as Source
}

async function openSandbox(): Promise<Sandbox> {
  const driver = createProcessDriver({
    rootDirectory: join(root, 'sandboxes'),
    pathEnvironment: `${dirname(process.execPath)}:/usr/bin:/bin`,
    instance: `test-${randomUUID().slice(0, 8)}`,
  })
  const limits = { memoryBytes: 1e9, diskBytes: 1e9, cpus: 1, processes: 256, maxMinutes: 5 }
  const spec = { purpose: 'agent', instance: 'test', taskId: 't1', runId: randomUUID(), epoch: 1, limits } as const
  const made = await driver.create(spec)
  await made.importTree(source.store.exportTree(source.startTreeId))
  await initThrowawayRepository(made)
  await made.markSetupDone()
  return made
}

function start(changes: Partial<CheckpointedRun> = {}) {
  const log = { warn: (_facts: unknown, message?: string) => void warnings.push(message ?? '') }
  const secrets = [Secret.of(SECRET)]
  return createCheckpoints(
    { ledger, secrets, log },
    { ownership },
    {
      runId,
      source: async () => source,
      sandbox: async () => sandbox,
      signal: new AbortController().signal,
      ...changes,
    },
  )
}

async function sh(command: string, where = sandbox): Promise<string> {
  const { exitCode, output } = await where.exec(command, { timeoutMs: 30_000, maxOutputBytes: 10_000 })
  if (exitCode !== 0) throw new Error(`${command} ended with ${exitCode}: ${Buffer.from(output)}`)
  return Buffer.from(output).toString()
}

const WORK = 'echo two >a.txt; rm gone.txt; echo "#!" >run.sh; chmod +x run.sh; ln -s a.txt link; echo no >ignored'

describe('createCheckpoints', () => {
  it('keeps the tree that a finish would have, and leaves what runs alone', async () => {
    const checkpoints = start()
    const job = await sandbox.startCommand('sleep 60')
    await sh(WORK)
    checkpoints.after(1)
    await checkpoints.durable()
    expect(await Promise.race([job.ended, Promise.resolve('runs')])).toBe('runs')

    const { treeId } = await collectChange(sandbox, source)
    expect(await ledger.checkpoint(runId)).toMatchObject({ turn: 1, startTreeId: source.startTreeId, treeId })
    expect(checkpoints.last()).toEqual(await ledger.checkpoint(runId))
    execFileSync('git', ['gc', '-q', '--prune=now'], { cwd: join(root, 'store.git') })
    expect(await store.hasWholeTree(treeId)).toBe(true)
    await checkpoints.drop()
    execFileSync('git', ['gc', '-q', '--prune=now'], { cwd: join(root, 'store.git') })
    expect(await store.hasWholeTree(treeId)).toBe(false)
    expect(warnings).toEqual([])
  })

  it('only moves the turn on when nothing changed, also in a run that goes on', async () => {
    const first = start()
    await sh(WORK)
    first.after(1)
    await first.durable()
    first.after(2)
    await first.durable()
    const saved = await ledger.checkpoint(runId)
    expect(saved).toMatchObject({ turn: 2, packed: expect.any(String) })
    const resumed = start({ resumedFrom: saved })
    expect(resumed.last()).toEqual(saved)
    resumed.after(3)
    await resumed.durable()
    expect(await ledger.checkpoint(runId)).toEqual({ ...saved, turn: 3 })
  })

  it('takes the newest of several that wait', async () => {
    const checkpoints = start()
    await sh('echo 1 >n')
    for (const turn of [1, 2, 3, 4]) checkpoints.after(turn)
    await checkpoints.durable()
    expect(checkpoints.last()?.turn).toBe(4)
  })

  it('skips a change beyond the ceilings with one warning, and goes on when it is smaller', async () => {
    const checkpoints = start()
    await sh('mkdir many; i=0; while [ $i -lt 5001 ]; do : >many/$i; i=$((i+1)); done')
    for (const turn of [1, 2]) {
      checkpoints.after(turn)
      await checkpoints.durable()
    }
    expect(checkpoints.last()).toBeUndefined()
    expect(warnings).toHaveLength(1)
    await sh('rm -r many; echo x >x')
    checkpoints.after(3)
    await checkpoints.durable()
    expect(checkpoints.last()?.turn).toBe(3)
  })

  it('keeps no known secret, neither in the ledger nor in the store', async () => {
    const checkpoints = start()
    await sh(`echo 'token = "${SECRET}"' >config`)
    checkpoints.after(1)
    await checkpoints.durable()
    expect(await ledger.checkpoint(runId)).toBeUndefined()
    const objects = execFileSync('sh', ['-c', 'git cat-file --batch --batch-all-objects'], {
      cwd: join(root, 'store.git'),
    })
    expect(objects.includes(SECRET)).toBe(false)
    expect(warnings).toHaveLength(1)
    await sh('rm config; echo x >x')
    checkpoints.after(2)
    await checkpoints.durable()
    expect(checkpoints.last()?.turn).toBe(2)
  })

  it('skips when the sandbox is gone: the last one stays', async () => {
    const checkpoints = start()
    await sh(WORK)
    checkpoints.after(1)
    await checkpoints.durable()
    await sandbox[Symbol.asyncDispose]()
    checkpoints.after(2)
    await checkpoints.durable()
    expect(checkpoints.last()?.turn).toBe(1)
    expect(warnings).toHaveLength(1)
  })

  it('comes to its end when the run is stopped right after a turn, before the sandbox goes', async () => {
    await sh(WORK)
    {
      await using checkpoints = start()
      checkpoints.after(1)
      await delay(10)
    }
    await sandbox[Symbol.asyncDispose]()
    expect(await ledger.checkpoint(runId)).toMatchObject({ turn: 1 })
    await using never = start({ sandbox: () => new Promise(() => undefined) })
    never.after(2)
  })

  it('writes nothing once somebody else owns the task', async () => {
    const lost = { code: 'ownership-lost' }
    const checkpoints = start()
    await sh(WORK)
    await ledger.release(ownership)
    await take(ownership.taskId, 60_000)
    checkpoints.after(1)
    await expect(checkpoints.durable()).rejects.toMatchObject(lost)
    expect(await ledger.checkpoint(runId)).toBeUndefined()

    const told = start({ signal: AbortSignal.abort(stopReason('ownership-lost', 'another worker owns the task')) })
    told.after(1)
    await expect(told.durable()).rejects.toMatchObject(lost)
    await told.drop()
  })
})

describe('restoreCheckpoint', () => {
  async function checkpointOfWork() {
    const checkpoints = start()
    await sh(WORK)
    checkpoints.after(1)
    await checkpoints.durable()
    const checkpoint = await ledger.checkpoint(runId)
    if (checkpoint === undefined) throw new Error('no checkpoint was taken')
    return checkpoint
  }

  it('brings the work into a new sandbox, on this host and on one whose store knows only the start', async () => {
    const checkpoint = await checkpointOfWork()
    const other = await openStore('other.git')
    for (const from of [store, other]) {
      source = sourceIn(from, await startTree(from))
      expect(await restoreCheckpoint(from, source, checkpoint)).toBe(checkpoint.treeId)
      await using rebuilt = await openSandbox()
      await overlayTree(rebuilt, source, checkpoint.treeId)
      expect(await sh('git status --porcelain', rebuilt)).toBe(' M a.txt\n D gone.txt\n?? link\n?? run.sh\n')
      expect(await collectChange(rebuilt, source)).toMatchObject({ treeId: checkpoint.treeId, changed: true })
    }
  })

  it('gives none for another start, without store and packed change, and for a packed change of another tree', async () => {
    const checkpoint = await checkpointOfWork()
    const { packed: _packed, ...unpacked } = checkpoint
    const other = await openStore('other.git')
    const start = sourceIn(other, await startTree(other))
    const moved = { startTreeId: await startTree(other, 'the base moved on\n') }
    expect(await restoreCheckpoint(store, moved, checkpoint)).toBeUndefined()
    expect(await restoreCheckpoint(other, start, unpacked)).toBeUndefined()
    expect(await restoreCheckpoint(other, start, { ...checkpoint, packed: 'x' })).toBeUndefined()
    const wrong = { ...checkpoint, treeId: objectIdSchema.parse('1'.repeat(40)) }
    expect(await restoreCheckpoint(other, start, wrong)).toBeUndefined()
    expect(await restoreCheckpoint(store, start, unpacked)).toBe(checkpoint.treeId)
  })
})
