import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createLogger } from '@devbot/config'
import { DevBotError, type ObjectId, objectIdSchema, type RunKind, type RunRecord } from '@devbot/contracts'
import { openRepositoryStore, type RepositoryStore } from '@devbot/git'
import { createProcessDriver, type Sandbox, type SandboxDriver } from '@devbot/sandbox'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { OwnedTask } from '../own-task.ts'
import type { RunLog } from '../run-log.ts'
import { runInCheckSandbox } from '../stages/check.ts'
import type { Source } from '../stages/prepare.ts'
import { createRunSetup } from './run-setup.ts'
import { createSetupCache, type SetupCache } from './setup-cache.ts'

const LIMITS = { memoryBytes: 1e9, diskBytes: 1e9, cpus: 1, processes: 256 }
const signal = new AbortController().signal
const log = createLogger({ service: 'test', level: 'silent', secrets: [] })

/** Each run of this setup adds a line to a file outside the sandbox, so that runs can be counted. */
let root: string
let counter: string
let driver: SandboxDriver
let store: RepositoryStore
let emptyTreeId: ObjectId
let cache: SetupCache

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'devbot-run-setup-'))
  counter = join(root, 'runs')
  driver = createProcessDriver({
    rootDirectory: join(root, 'sandboxes'),
    pathEnvironment: `${dirname(process.execPath)}:/usr/bin:/bin`,
    instance: 'test',
  })
  store = await openRepositoryStore({
    directory: join(root, 'store.git'),
    remoteUrl: 'http://127.0.0.1:9/a/b.git',
    credentials: async () => ({ username: '', password: '' }),
    author: { name: 'a', email: 'a@localhost' },
    networkTimeoutMs: 1000,
  })
  emptyTreeId = objectIdSchema.parse(
    execFileSync('git', ['mktree'], { cwd: join(root, 'store.git'), input: '' })
      .toString()
      .trim(),
  )
  cache = openCache(1024 ** 3)
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const openCache = (maxBytes: number) =>
  createSetupCache({
    directory: join(root, 'setups'),
    maxBytes,
    now: Date.now,
    onError: (error) => log.warn({ error }),
  })

const treeOf = (files: Readonly<Record<string, string>>) =>
  store.writeTree(
    emptyTreeId,
    Object.entries(files).map(([path, text]) => ({ kind: 'put', path, mode: '100644', bytes: Buffer.from(text) })),
  )

const runsOfSetup = () =>
  execFileSync('sh', ['-c', `cat '${counter}' 2>/dev/null | wc -l`])
    .toString()
    .trim()
const entries = () => readdirSync(join(root, 'setups'))

type RunOptions = {
  readonly treeId: ObjectId
  readonly kind?: RunKind
  readonly setup?: string
  readonly repositoryId?: number
  readonly baseBranch?: string
  readonly branch?: string
  readonly setupCache?: SetupCache | 'off'
}

/** A run's setup, with what it said and noted. */
function startRun({
  treeId,
  kind = 'implement',
  setup = `mkdir -p modules && cp lock.txt modules/installed && echo made >"$HOME/made" && echo run >>'${counter}'`,
  repositoryId = 1,
  baseBranch = 'main',
  branch = 'agent/one',
  setupCache = cache,
}: RunOptions) {
  const said: string[] = []
  let run: Pick<RunRecord, 'id' | 'notes'> = { id: 'r1', notes: [] }
  const runLog = {
    get run() {
      return run
    },
    change: (part: Partial<RunRecord>) => {
      run = { ...run, ...part }
    },
    stage: (_stage: string, work: (say: (detail: string) => void) => Promise<unknown>) =>
      work((detail) => said.push(detail)),
  } as unknown as RunLog
  const owned = { task: { id: 't1', branch }, ownership: { epoch: 1 }, signal } as unknown as OwnedTask
  const source = { facts: { id: repositoryId }, store, baseBranch, startTreeId: treeId } as unknown as Source
  const plan = { setup }
  const runSetup = createRunSetup({ setupCache: setupCache === 'off' ? undefined : setupCache, log }, owned, runLog, {
    kind,
    plan,
    source: async () => source,
    environmentId: async () => 'environment-1',
  })
  const deps = { sandboxes: driver, settings: { instance: 'test', maxMinutes: 5, sandboxLimits: LIMITS } }
  return {
    said,
    notes: () => run.notes,
    setup: runSetup,
    async agent(): Promise<Sandbox> {
      const sandbox = await newSandbox()
      await sandbox.importTree(store.exportTree(treeId))
      await runSetup.inAgentSandbox(sandbox, signal).finally(runSetup.agentSettled)
      return sandbox
    },
    check: async (tested: ObjectId, command: string) => {
      const [run] = await runInCheckSandbox(deps as unknown as Parameters<typeof runInCheckSandbox>[0], owned, {
        store,
        treeId: tested,
        plan,
        commands: [{ kind: 'command', line: command }],
        runId: 'r1',
        signal,
        ready: async () => undefined,
        setup: runSetup,
        say: (detail) => said.push(detail),
      })
      if (run === undefined) throw new Error('no result')
      return run.check
    },
  }
}

const newSandbox = () =>
  driver.create({
    purpose: 'agent',
    instance: 'test',
    taskId: 't1',
    runId: 'r1',
    epoch: 1,
    limits: { ...LIMITS, maxMinutes: 5 },
  })

async function look(sandbox: Sandbox, command: string): Promise<string> {
  const result = await sandbox.exec(command, { timeoutMs: 10_000, maxOutputBytes: 1000 })
  return Buffer.from(result.output).toString('utf8')
}

const FILES = { 'lock.txt': 'version 1\n', 'a.txt': 'a\n' }
const LOOK = 'cat modules/installed "$HOME/made"'

describe('createRunSetup', () => {
  it('runs setup once, and serves the next run and its checks with what it made', async () => {
    const treeId = await treeOf(FILES)
    const first = startRun({ treeId })
    await using sandbox = await first.agent()
    expect(await look(sandbox, LOOK)).toBe('version 1\nmade\n')
    expect(first.said).toEqual([expect.stringMatching(/^ran in \d+\.\d s, captured \d+\.\d MB$/)])
    expect(first.notes()).toEqual([expect.stringMatching(/^setup: ran in .* captured /)])

    const second = startRun({ treeId, branch: 'agent/two' })
    await using again = await second.agent()
    expect(await look(again, LOOK)).toBe('version 1\nmade\n')
    expect(second.said).toEqual([expect.stringMatching(/^from cache in \d+\.\d s \(\d+\.\d MB\)$/)])
    expect(await second.check(treeId, `${LOOK} a.txt`)).toMatchObject({
      exitCode: 0,
      output: 'version 1\na\nmade\n'.replace('a\nmade', 'made\na'),
    })
    expect(second.said.at(-1)).toMatch(/^setup from cache in/)
    expect(runsOfSetup()).toBe('1')
  })

  it('gives a baseline what the agent sandbox makes, and waits for it', async () => {
    const treeId = await treeOf(FILES)
    const run = startRun({ treeId })
    const checking = run.check(treeId, LOOK)
    const [check, sandbox] = await Promise.all([checking, run.agent()])
    await sandbox[Symbol.asyncDispose]()
    expect(check).toMatchObject({ exitCode: 0, output: 'version 1\nmade\n' })
    expect(runsOfSetup()).toBe('1')
  })

  it('does not make a check wait for an agent sandbox that never came to be', async () => {
    const treeId = await treeOf(FILES)
    const run = startRun({ treeId })
    const checking = run.check(treeId, LOOK)
    run.setup.agentSettled()
    expect(await checking).toMatchObject({ exitCode: 0, output: 'version 1\nmade\n' })
  })

  it('runs anew for a tree that the agent made, and keeps nothing of that', async () => {
    const treeId = await treeOf(FILES)
    const run = startRun({ treeId })
    await (await run.agent())[Symbol.asyncDispose]()
    const kept = entries()
    const changed = await treeOf({ ...FILES, 'lock.txt': 'version 2\n' })
    expect(await run.check(changed, LOOK)).toMatchObject({ exitCode: 0, output: 'version 2\nmade\n' })
    expect(run.said.at(-1)).toMatch(/^setup ran in/)
    expect(entries()).toEqual(kept)
    expect(runsOfSetup()).toBe('2')
  })

  it.each<readonly [what: string, other: Partial<RunOptions>]>([
    ['another repository', { repositoryId: 2 }],
    ['another base branch', { baseBranch: 'next' }],
    ['a revise run, though its branch has the base’s name', { kind: 'revise', branch: 'main' }],
    [
      'another setup command',
      { setup: 'mkdir -p modules && echo other >modules/installed && echo made >"$HOME/made"' },
    ],
  ])('serves nothing of it to %s', async (_what, other) => {
    const treeId = await treeOf(FILES)
    await (await startRun({ treeId }).agent())[Symbol.asyncDispose]()
    const run = startRun({ treeId, ...other })
    await (await run.agent())[Symbol.asyncDispose]()
    expect(run.said).toEqual([expect.stringMatching(/^ran in/)])
    expect(entries()).toHaveLength(2)
  })

  it('serves a revise run only from the same task’s branch', async () => {
    const treeId = await treeOf(FILES)
    const agentOf = async (branch: string) => {
      const run = startRun({ treeId, kind: 'revise', branch })
      await (await run.agent())[Symbol.asyncDispose]()
      return run.said[0]
    }
    expect(await agentOf('agent/one')).toMatch(/^ran/)
    expect(await agentOf('agent/two')).toMatch(/^ran/)
    expect(await agentOf('agent/one')).toMatch(/^from cache/)
  })

  it('makes an entry once when two runs need it at the same time', async () => {
    const treeId = await treeOf(FILES)
    const runs = [startRun({ treeId }), startRun({ treeId })]
    const sandboxes = await Promise.all(runs.map((run) => run.agent()))
    for (const sandbox of sandboxes) {
      expect(await look(sandbox, LOOK)).toBe('version 1\nmade\n')
      await sandbox[Symbol.asyncDispose]()
    }
    expect(runsOfSetup()).toBe('1')
  })

  it('is no corruption when two workers make the same entry at the same time', async () => {
    const treeId = await treeOf(FILES)
    const runs = [startRun({ treeId }), startRun({ treeId, setupCache: openCache(1024 ** 3) })]
    const sandboxes = await Promise.all(runs.map((run) => run.agent()))
    for (const sandbox of sandboxes) await sandbox[Symbol.asyncDispose]()
    const third = startRun({ treeId })
    await using sandbox = await third.agent()
    expect(third.said[0]).toMatch(/^from cache/)
    expect(await look(sandbox, LOOK)).toBe('version 1\nmade\n')
    expect(entries()).toHaveLength(1)
  })

  it('goes on and says so when what setup made is too large to be kept', async () => {
    const treeId = await treeOf(FILES)
    const run = startRun({
      treeId,
      setup: 'head -c 3000000 /dev/zero >big',
      setupCache: openCache(4 * 1024 ** 2),
    })
    await using sandbox = await run.agent()
    expect(await look(sandbox, 'wc -c <big')).toMatch(/^\s*3000000\n$/)
    expect(run.notes()).toEqual([expect.stringMatching(/^setup: ran in .*, not captured, .*SETUP_CACHE_SIZE/)])
    expect(entries()).toEqual([])
  })

  it('keeps nothing of a setup that failed, and throws what it said', async () => {
    const run = startRun({ treeId: await treeOf(FILES), setup: 'echo no such package; exit 3' })
    const failure = await run.agent().catch((error: unknown) => error)
    expect(failure).toMatchObject({ category: 'invalid-input', code: 'setup-failed' })
    expect(failure instanceof DevBotError && failure.message).toMatch(/exit code 3[\s\S]*no such package/)
    expect(() => entries()).toThrow('ENOENT')
  })

  it('runs setup in every sandbox where the cache is switched off, and waits for nothing', async () => {
    const treeId = await treeOf(FILES)
    const run = startRun({ treeId, setupCache: 'off' })
    expect(await run.check(treeId, LOOK)).toMatchObject({ exitCode: 0 })
    await (await run.agent())[Symbol.asyncDispose]()
    expect(run.said).toEqual([expect.stringMatching(/^setup ran in/), expect.stringMatching(/^ran in \d+\.\d s$/)])
  })

  it('tells a failing setup of a check as its result', async () => {
    const treeId = await treeOf(FILES)
    const run = startRun({ treeId, setup: 'echo broken; exit 4' })
    run.setup.agentSettled()
    expect(await run.check(treeId, 'true')).toMatchObject({
      exitCode: 4,
      command: 'setup: echo broken; exit 4',
      output: 'broken\n',
    })
  })
})
