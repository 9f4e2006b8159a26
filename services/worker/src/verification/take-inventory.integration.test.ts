import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type ObjectId, objectIdSchema } from '@devbot/contracts'
import { openRepositoryStore, type RepositoryStore } from '@devbot/git'
import { createProcessDriver, type SandboxDriver } from '@devbot/sandbox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { changedFiles } from './changed-files.ts'
import { takeInventory } from './take-inventory.ts'

const signal = new AbortController().signal
const LIMITS = { memoryBytes: 1e9, diskBytes: 1e9, cpus: 1, processes: 256, maxMinutes: 5 }
const report = (name: string) =>
  `<testsuite><testcase name="${name}"/><testcase name="b"><failure/></testcase></testsuite>`

let root: string
let driver: SandboxDriver
let store: RepositoryStore
let emptyTreeId: ObjectId

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'devbot-inventory-'))
  const pathEnvironment = `${dirname(process.execPath)}:/usr/bin:/bin`
  driver = createProcessDriver({ rootDirectory: join(root, 'sandboxes'), pathEnvironment, instance: 'test' })
  const directory = join(root, 'store.git')
  store = await openRepositoryStore({
    directory,
    remoteUrl: 'http://127.0.0.1:9/a/b.git',
    credentials: async () => ({ username: '', password: '' }),
    author: { name: 'a', email: 'a@localhost' },
    networkTimeoutMs: 1000,
  })
  emptyTreeId = objectIdSchema.parse(execFileSync('git', ['mktree'], { cwd: directory, input: '' }).toString().trim())
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const treeOf = (files: Readonly<Record<string, string>>) =>
  store.writeTree(
    emptyTreeId,
    Object.entries(files).map(([path, text]) => ({ kind: 'put', path, mode: '100644', bytes: Buffer.from(text) })),
  )

async function inventoryAfter(command: string, files: Readonly<Record<string, string>>, workdir?: string) {
  const treeId = await treeOf(files)
  const spec = { purpose: 'check', instance: 'test', taskId: 't1', runId: 'r1', epoch: 1, limits: LIMITS } as const
  await using sandbox = await driver.create(spec)
  await sandbox.importTree(store.exportTree(treeId))
  const cwd = workdir === undefined ? {} : { cwd: workdir }
  const result = await sandbox.run(command, { timeoutMs: 20_000, maxOutputBytes: 100_000, signal, ...cwd })
  const plan = workdir === undefined ? {} : { workdir }
  const inventory = await takeInventory(sandbox, result, { store, treeId, plan, signal })
  return inventory === undefined ? undefined : Object.fromEntries(inventory.tests)
}

describe('takeInventory', () => {
  it('reads what the runner printed', async () => {
    expect(await inventoryAfter("printf '✔ a (1ms)\\nℹ pass 1\\n'", { x: 'x' })).toEqual({ a: 'passed' })
  })

  it('reads the reports that the run wrote where nothing was printed, and no other file', async () => {
    const files = {
      'a/target/surefire-reports/TEST-A.xml': report('Surefire'),
      'b/build/test-results/test/TEST-B.xml': report('Gradle'),
      'node_modules/x/junit.xml': report('not ours'),
      'docs/page.xml': report('no report'),
    }
    const write = Object.entries(files).map(
      ([path, text]) => `mkdir -p ${dirname(path)} && printf '%s' '${text}' > ${path}`,
    )
    expect(await inventoryAfter(`${write.join(' && ')}; exit 1`, { x: 'x' })).toEqual({
      Surefire: 'passed',
      Gradle: 'passed',
      b: 'failed',
      'b #2': 'failed',
    })
  })

  it('does not take a report that lies in the repository for one of this run', async () => {
    const files = { 'junit.xml': report('old'), 'app/junit-2.xml': report('old'), 'app/x': 'x' }
    expect(await inventoryAfter('true', files)).toBeUndefined()
    expect(await inventoryAfter('true', files, 'app')).toBeUndefined()
    expect(await inventoryAfter(`printf '%s' '${report('new')}' > junit-3.xml`, files, 'app')).toMatchObject({
      new: 'passed',
    })
  })

  it('follows no link, and is not led astray by names and endless files', async () => {
    const command = [
      'mkdir -p test-results && cd test-results',
      'ln -s /etc/passwd a.xml && ln -s /dev/zero b.xml && mkfifo c.xml',
      `printf '%s' '${report('ok')}' > "$(printf 'odd\\nname').xml"`,
      `printf '%s' '${report('fine')}' > fine.xml`,
    ].join(' && ')
    expect(await inventoryAfter(command, { x: 'x' })).toMatchObject({ fine: 'passed' })
  })

  it('finds nothing where there is nothing', async () => {
    expect(await inventoryAfter('echo hello; exit 3', { x: 'x' })).toBeUndefined()
  })
})

describe('changedFiles', () => {
  it('tells every path that differs, and reads of them those that say something about tests', async () => {
    const [before, after] = await Promise.all([
      treeOf({ 'a.test.ts': 'one', 'b.test.ts': 'same', 'src/c.ts': 'x', 'package.json': '{}', 'gone.test.ts': 'y' }),
      treeOf({ 'a.test.ts': 'two', 'b.test.ts': 'same', 'src/c.ts': 'z', 'package.json': '{ }', 'new_test.go': 'n' }),
    ])
    expect(await changedFiles(store, before, after)).toEqual({
      paths: ['a.test.ts', 'gone.test.ts', 'new_test.go', 'package.json', 'src/c.ts'],
      files: [
        { path: 'a.test.ts', before: 'one', after: 'two' },
        { path: 'gone.test.ts', before: 'y' },
        { path: 'new_test.go', after: 'n' },
        { path: 'package.json', before: '{}', after: '{ }' },
      ],
      leftOut: 0,
    })
  })

  it('leaves out what is too large or too much, and says how many files', async () => {
    const large = 'x'.repeat(256 * 1024 + 1)
    const many = Object.fromEntries(Array.from({ length: 402 }, (_, number) => [`t/${number}.test.ts`, 'x']))
    const after = await treeOf({ 'large.test.ts': large, ...many })
    const changed = await changedFiles(store, emptyTreeId, after)
    expect(changed.paths).toHaveLength(403)
    expect(changed.files.length + changed.leftOut).toBe(403)
    expect(changed.leftOut).toBe(4)
  })
})
