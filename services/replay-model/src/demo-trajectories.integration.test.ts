import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createLogger } from '@devbot/config'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ReplayModel, startReplayModel } from './start-replay-model.ts'
import { type MiniRun, runMiniAgent, shell } from './testing/mini-agent.ts'

const demo = fileURLToPath(new URL('../../../demo', import.meta.url))
const sampleFiles = join(demo, 'sample-repository', 'files')
const apiKey = 'key-of-the-replay-model'

let model: ReplayModel
let directory: string

beforeAll(async () => {
  const log = createLogger({ service: 'test', level: 'silent', secrets: [] })
  model = await startReplayModel({ port: 0, host: '127.0.0.1', apiKey, trajectories: join(demo, 'trajectories'), log })
})
afterAll(() => model.stop())
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'replay-model-'))
  await cp(sampleFiles, directory, { recursive: true })
})
afterEach(() => rm(directory, { recursive: true, force: true }))

describe('the trajectories of the demo, played on the sample repository', () => {
  it('turns the suite from red to green, and keeps it green in the revise round', async () => {
    expect(await shell('npm test', directory)).toMatch(/fail 1\s.*\[exit code 1\]$/s)
    const opening = await plan('261122__PLAN__rounding-and-relative-times.md')

    const implemented = await play(opening)
    expect(implemented.finish?.title).toBe('Carry rounded durations into the next unit, and add formatRelative')
    expect(implemented.turns).toBeGreaterThanOrEqual(8)
    expect(implemented.turns).toBeLessThanOrEqual(14)
    expect(await shell('npm test', directory)).toMatch(/fail 0\s.*\[exit code 0\]$/s)
    await expectReviewedLinesToExist()

    const revised = await play(`${opening}\n\n7-review-11-0a1b2c3d: body\n7-inline-comment-12-4e5f6a7b: comment`)
    expect(revised.finish?.feedback?.map(({ item, decision }) => [item, decision])).toEqual([
      ['7-review-11-0a1b2c3d', 'done'],
      ['7-inline-comment-12-4e5f6a7b', 'done'],
    ])
    expect(revised.turns).toBeGreaterThanOrEqual(4)
    expect(revised.turns).toBeLessThanOrEqual(7)
    expect(await shell('npm test', directory)).toMatch(/fail 0\s.*\[exit code 0\]$/s)
  })

  it('creates exactly hello.txt for the plain example', async () => {
    await play(await plan('hello.md'))
    expect(await changes()).toEqual({ created: ['hello.txt'], deleted: [], modified: [] })
    expect(await readFile(join(directory, 'hello.txt'), 'utf8')).toBe('world')
  })

  it('edits the Dockerfile for the DevOps plan', async () => {
    await play(await plan('261122__PLAN__smaller-image.md'))
    expect(await changes()).toEqual({ created: ['.dockerignore'], deleted: [], modified: ['Dockerfile'] })
  })

  it('finishes with a reason and without a change when there is nothing to do', async () => {
    const { finish } = await play(await plan('261122__PLAN__iso-weeks.md'))
    expect(finish?.summary).toContain('already')
    expect(await changes()).toEqual({ created: [], deleted: [], modified: [] })
  })

  it('adds ranges with green tests of their own for the long draft plan', async () => {
    await play(await plan('261120__PLAN__duration-ranges.md'))
    expect(await shell('node --test test/range.test.ts', directory)).toMatch(/\[exit code 0\]$/s)
  })

  it('claims to be done again after a rejected claim in "red", with tests that stay red', async () => {
    const run = await play('a plan\nreplay: red', { rejectFinish: 'the tests fail', maxTurns: 6 })
    expect(run.results.filter((text) => text === 'the tests fail')).toHaveLength(4)
    expect(await shell('npm test', directory)).toMatch(/\[exit code 1\]$/s)
  })

  it('makes the same call for ever in "loop"', async () => {
    const run = await play('replay: loop', { maxTurns: 9 })
    expect(run.finish).toBeUndefined()
    expect(new Set(run.results).size).toBe(1)
  })

  it('takes twenty turns of half a second in "slow"', async () => {
    const startedMs = Date.now()
    const run = await play('replay: slow')
    expect(run.turns).toBe(20)
    expect(Date.now() - startedMs).toBeGreaterThan(10_000)
  })

  it('adds one file in two turns in "small", and changes it in its round', async () => {
    expect((await play('replay: small')).turns).toBe(2)
    expect(await changes()).toEqual({ created: ['greeting.txt'], deleted: [], modified: [] })
    const { finish } = await play('replay: small\n\n7-review-11-0a1b2c3d: body\n7-inline-comment-12-4e5f6a7b: comment')
    expect(finish?.feedback?.map(({ item }) => item)).toEqual(['7-review-11-0a1b2c3d', '7-inline-comment-12-4e5f6a7b'])
    expect(await readFile(join(directory, 'greeting.txt'), 'utf8')).toBe('Good day\n')
  })

  it('renames, deletes and adds binary and non-ASCII files in "rename-delete-binary"', async () => {
    await play('replay: rename-delete-binary')
    expect(await changes()).toEqual({
      created: ['docs/logo.png', 'docs/Überblick – часы.md', 'test/arithmetic.test.ts'],
      deleted: ['LICENSE', 'test/calculate.test.ts'],
      modified: [],
    })
    expect(await readFile(join(directory, 'docs/logo.png'))).toContain(0)
  })

  it('leaves no violation behind', () => {
    expect(model.violations()).toEqual([])
  })
})

describe('the sample repository', () => {
  it('has a history of 5 commits or more that ends with its files', async () => {
    const history = JSON.parse(await readFile(join(demo, 'sample-repository', 'history.json'), 'utf8'))
    const files = new Map<string, string>()
    for (const path of history.commits.flatMap((commit: { paths: string[] }) => commit.paths)) {
      const folder = join(demo, 'sample-repository', path.includes('@') ? 'earlier' : 'files')
      files.set(path.replace(/@\d+$/, ''), await readFile(join(folder, path), 'latin1'))
    }
    expect(history.commits.length).toBeGreaterThanOrEqual(5)
    expect(Object.fromEntries(files)).toEqual(Object.fromEntries(await filesOf(sampleFiles)))
  })

  it('has 15 source files or more, no dependency, and a suite that one test makes red', async () => {
    const manifest = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8'))
    expect(await readdir(join(directory, 'src'))).toHaveLength(23)
    expect(manifest).not.toHaveProperty('dependencies')
    expect(manifest).not.toHaveProperty('devDependencies')
    expect(await shell('npm test', directory)).toMatch(/fail 1\s/)
  })
})

function plan(name: string): Promise<string> {
  return readFile(join(demo, 'plans', name), 'utf8')
}

function play(opening: string, options: { rejectFinish?: string; maxTurns?: number } = {}): Promise<MiniRun> {
  return runMiniAgent({ url: model.url, apiKey, opening, directory, ...options })
}

/** Review comments are made on lines that the change of the demo's plan added. */
async function expectReviewedLinesToExist(): Promise<void> {
  const review = JSON.parse(await readFile(join(demo, 'review.json'), 'utf8'))
  for (const { path, line } of review.comments) {
    expect((await readFile(join(directory, path), 'utf8')).split('\n')[line - 1]).toContain('JUST_NOW_MS = ')
    await expect(readFile(join(sampleFiles, path))).rejects.toThrow('ENOENT')
  }
}

/** What differs from the sample repository, by path. */
async function changes(): Promise<{ created: string[]; deleted: string[]; modified: string[] }> {
  const [before, after] = await Promise.all([filesOf(sampleFiles), filesOf(directory)])
  const same = [...after.keys()].filter((path) => before.has(path))
  return {
    created: [...after.keys()].filter((path) => !before.has(path)).sort(),
    deleted: [...before.keys()].filter((path) => !after.has(path)).sort(),
    modified: same.filter((path) => before.get(path) !== after.get(path)).sort(),
  }
}

async function filesOf(root: string): Promise<Map<string, string>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const contents = await Promise.all(files.map((path) => readFile(path, 'latin1')))
  return new Map(files.map((path, index) => [path.slice(root.length + 1), contents[index] ?? '']))
}
