import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type ObjectId, objectIdSchema, repositoryNameSchema } from '@devbot/contracts'
import { openRepositoryStore, type RepositoryStore } from '@devbot/git'
import { createProcessDriver } from '@devbot/sandbox'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { implementPrompt, revisePrompt } from '../first-message.ts'
import type { OwnedTask } from '../own-task.ts'
import { planOf, RULE_SETTINGS } from '../testing/base-files.ts'
import { collectChange } from './collect-change.ts'
import { prepareImplement, prepareRevise } from './prepare.ts'

const DELIMITER = 'd'.repeat(32)
const SCRIPT = '{"scripts":{"test":"node --test"}}'
const BRANCH = 'agent/x-1'

let root: string
let store: RepositoryStore
let emptyTreeId: ObjectId
/** What the branches point at on the other side, and what of it was fetched. */
let remote: Map<string, ObjectId>
let fetched: Map<string, ObjectId>

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'devbot-prepare-'))
  remote = new Map()
  fetched = new Map()
  const real = await openRepositoryStore({
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
  // The other side is a table; all else is git.
  store = {
    ...real,
    knownHead: async (branch) => fetched.get(branch),
    fetchBranch: async (branch) => {
      const head = remote.get(branch)
      if (head === undefined) throw new Error(`no branch ${branch}`)
      fetched.set(branch, head)
      return head
    },
  }
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const treeOf = (files: Readonly<Record<string, string>>) =>
  store.writeTree(
    emptyTreeId,
    Object.entries(files).map(([path, text]) => ({ kind: 'put', path, mode: '100644', bytes: Buffer.from(text) })),
  )

/** A person's commit on a branch of the other side. */
async function commit(branch: string, files: Readonly<Record<string, string>>, parents: readonly ObjectId[] = []) {
  const id = await store.commit({ treeId: await treeOf(files), parents, message: 'by hand', atMs: 1_700_000_000_000 })
  remote.set(branch, id)
  return id
}

const REPOSITORY = repositoryNameSchema.parse('a/b')
const owned = { task: { repository: REPOSITORY, branch: BRANCH } } as unknown as OwnedTask
const deps = () => ({
  settings: RULE_SETTINGS,
  repositories: {
    open: async () => ({
      facts: { id: 1, name: REPOSITORY, defaultBranch: 'main', canPush: true, archived: false },
      store,
    }),
  },
})
const implement = (frontMatter = 'title: x') => prepareImplement(deps(), owned, planOf(frontMatter))
const revise = (frontMatter = 'title: x') => prepareRevise(deps(), owned, planOf(frontMatter), { baseBranch: 'main' })

describe('prepareImplement: the policy of the base branch', () => {
  it('is read from the base as last fetched for the first question, and from the fetched one for the work', async () => {
    await commit('main', { '.devbot.yml': 'test: make check\n' })
    const first = await implement()
    expect(first.known).toBeUndefined()
    expect((await first.fetch()).rules.test).toEqual({ command: 'make check', why: '.devbot.yml says so' })
    const second = await implement()
    expect(second.known?.rules.test?.command).toBe('make check')
    expect(await second.fetch()).toBe(second.known)
  })

  it('may stay the same while the base moves', async () => {
    await commit('main', { '.devbot.yml': 'test: make check\n' })
    await (await implement()).fetch()
    const { known, fetch } = await implement()
    const head = await commit('main', { '.devbot.yml': 'test: make check\n', 'README.md': 'new' })
    const source = await fetch()
    expect(known?.baseCommitId).not.toBe(head)
    expect(source.startCommitId).toBe(head)
  })

  it('makes the run begin again when it changed meanwhile, and holds for the next attempt', async () => {
    await commit('main', { '.devbot.yml': 'test: make check\n' })
    await (await implement()).fetch()
    const { fetch } = await implement()
    await commit('main', { '.devbot.yml': 'test: make all\n' })
    await expect(fetch()).rejects.toMatchObject({ category: 'conflict', code: 'policy-changed' })
    expect((await implement()).known?.rules.test?.command).toBe('make all')
  })

  it('stops the task when it is not valid, before any question, and goes on when it was mended', async () => {
    await commit('main', { '.devbot.yml': 'limits:\n  max_turn: 5\n' })
    const stop = { category: 'invalid-input', code: 'policy-invalid', message: expect.stringContaining('line 2') }
    const first = await implement()
    expect(first.known).toBeUndefined()
    await expect(first.fetch()).rejects.toMatchObject(stop)
    const second = await implement()
    expect(second.known).toBeUndefined()
    await commit('main', { '.devbot.yml': 'limits:\n  max_turns: 5\n' })
    expect((await second.fetch()).rules.plan.max_turns).toBe(5)
  })
})

describe('prepareRevise: what a pull request says of itself', () => {
  it('has no effect until it is merged: rules, instructions and test command are those of the newest base', async () => {
    const before = await commit('main', { 'package.json': SCRIPT, 'AGENTS.md': 'old' })
    await commit('main', { 'package.json': SCRIPT, 'AGENTS.md': 'of the base', '.devbot.yml': 'lint: true\n' }, [
      before,
    ])
    await commit(
      BRANCH,
      {
        'package.json': '{}',
        'AGENTS.md': 'of the branch',
        '.devbot.yml': 'test: "true"\npaths: { protected: [] }\nimage: evil:1\nmodel: opus\n',
      },
      [before],
    )
    const source = await revise()
    expect(source.baseCommitId).toBe(before)
    expect(source.rules).toMatchObject({ test: { command: 'npm test' }, lint: 'true', model: 'sonnet', sandbox: {} })
    expect(source.rules.sandbox.image).toBeUndefined()
    const message = await revisePrompt({ text: 'plan', source, delimiter: DELIMITER, items: [], planEdited: false })
    expect(message).toContain('\nof the base\n')
    expect(message).toContain('The worker checks your work with: `npm test`')
    expect(message).toContain('- Protected; changes there are not taken over')
  })

  it('is not even looked at when it is not valid', async () => {
    const base = await commit('main', { 'go.mod': '' })
    await commit(BRANCH, { 'go.mod': '', '.devbot.yml': 'nonsense: [' }, [base])
    expect((await revise()).rules.test?.command).toBe('go test ./...')
  })
})

describe('a monorepo of two packages', () => {
  const files = {
    'AGENTS.md': 'Root rules.',
    'package.json': '{"private":true}',
    'pnpm-lock.yaml': '',
    'packages/api/AGENTS.md': 'Api rules.',
    'packages/api/package.json': SCRIPT,
    'packages/api/src/index.js': '',
    'packages/worker/AGENTS.md': 'Worker rules.',
    'packages/worker/pyproject.toml': '[tool.pytest.ini_options]',
  }

  it.each([
    ['packages/api', 'pnpm test', 'Api rules.', 'packages/worker/AGENTS.md'],
    ['packages/worker', 'python3 -m pytest', 'Worker rules.', 'packages/api/AGENTS.md'],
  ])('is worked on in %s with %s, and its instructions', async (workdir, command, own, other) => {
    await commit('main', files)
    const source = await (await implement(`workdir: ${workdir}`)).fetch()
    expect(source.rules.test?.command).toBe(command)
    const message = await implementPrompt({ text: 'plan', source, delimiter: DELIMITER })
    expect(message).toContain('Root rules.')
    expect(message).toContain(own)
    expect(message).toContain(`read them before you change something there:\n${other}\n`)
    expect(message).toContain(`- Setup and tests run in ${workdir}.`)
    expect(message).toContain('packages/api/src/index.js')
  })

  it('takes the workdir from the policy, too', async () => {
    await commit('main', { ...files, '.devbot.yml': 'workdir: packages/worker\n' })
    const source = await (await implement()).fetch()
    expect(source.rules.plan.workdir).toBe('packages/worker')
    expect(source.rules.test?.command).toBe('python3 -m pytest')
    expect(await implementPrompt({ text: 'plan', source, delimiter: DELIMITER })).toContain('Worker rules.')
  })
})

describe('collectChange: protected paths', () => {
  it('keeps the base’s version of them in the tree that is tested and pushed, and says why', async () => {
    const files = {
      '.github/workflows/ci.yml': 'on: push',
      '.devbot.yml': 'paths: { protected: [db] }\n',
      'db/1.sql': '1',
    }
    await commit('main', { ...files, 'src/a.txt': '1' })
    const source = await (await implement('paths: [".github/**", "db/**"]')).fetch()
    const driver = createProcessDriver({
      rootDirectory: join(root, 'sandboxes'),
      pathEnvironment: `${dirname(process.execPath)}:/usr/bin:/bin`,
      instance: 'test',
    })
    await using sandbox = await driver.create({
      purpose: 'agent',
      instance: 'test',
      taskId: 't1',
      runId: 'r1',
      epoch: 1,
      limits: { memoryBytes: 1e9, diskBytes: 1e9, cpus: 1, processes: 256, maxMinutes: 5 },
    })
    await sandbox.importTree(store.exportTree(source.startTreeId))
    await sandbox.markSetupDone()
    await sandbox.run(
      'echo evil >.github/workflows/ci.yml; echo new >.github/workflows/new.yml; rm .devbot.yml; chmod +x db/1.sql; echo 2 >src/a.txt',
      { timeoutMs: 10_000, maxOutputBytes: 1000 },
    )
    const change = await collectChange(sandbox, source)
    expect(change.treeId).toBe(await treeOf({ ...files, 'src/a.txt': '2\n' }))
    expect(change.refused).toEqual([
      { path: '.devbot.yml', reason: expect.stringContaining('.devbot.yml in PROTECTED_PATHS') },
      { path: '.github/workflows/ci.yml', reason: expect.stringContaining('a person has to change it') },
      { path: '.github/workflows/new.yml', reason: expect.stringContaining('PROTECTED_PATHS') },
      { path: 'db/1.sql', reason: expect.stringContaining('db in .devbot.yml') },
    ])
  })
})
