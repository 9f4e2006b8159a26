import { execFileSync } from 'node:child_process'
import {
  appendFile,
  copyFile,
  link,
  mkdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { planHashFor, repositoryNameSchema } from '@devbot/contracts'
import { startTaskWorker } from '@devbot/queue'
import { type StartedRedis, startRedis } from '@devbot/queue/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { eventually, openWatchedFolder, type WatchedFolder } from './testing/watched-folder.ts'

let redis: StartedRedis
let folder: WatchedFolder

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())
beforeEach(async () => {
  folder = await openWatchedFolder(redis.url)
})
afterEach(() => folder.close())

const plan = '---\ntitle: Add retry\n---\n# Add retry\n\nDo it.\n'
const oneTask = (tasks: readonly unknown[]) => tasks.length === 1
/** Longer than any wait of the watcher. */
const quiet = () => sleep(600)

async function inboxKinds(): Promise<readonly string[]> {
  const [task] = await folder.tasks()
  const snapshot = task === undefined ? undefined : await folder.ledger.snapshot(task.id)
  return snapshot?.inbox.map((item) => item.kind) ?? []
}

async function newestHashAt(planPath: string): Promise<string | undefined> {
  const repository = repositoryNameSchema.parse('octo-org/hello')
  return (await folder.ledger.planTaskAt(repository, planPath))?.latestPlanHash
}

async function endTask(status: 'merged' | 'cancelled'): Promise<void> {
  const [task] = await folder.tasks()
  if (task === undefined) throw new Error('no task to end')
  const taken = await folder.ledger.take(task.id, 'test', 10_000)
  if (taken.kind !== 'taken') throw new Error('the task is busy')
  await folder.ledger.save(taken.ownership, { ...task, status, endedAtMs: task.acceptedAtMs })
  await folder.ledger.release(taken.ownership)
}

describe('startWatcher', () => {
  it('accepts a plan that was there before the start', async () => {
    await folder.write('add-retry.md', plan)
    await folder.start()
    const [task] = await folder.tasks()
    expect(task).toMatchObject({
      planPath: 'add-retry.md',
      title: 'Add retry',
      status: 'ready',
      planHash: planHashFor(plan),
      repository: 'octo-org/hello',
    })
    expect(task?.branch).toMatch(/^agent\/add-retry-\d{10}$/)
    if (task !== undefined) expect(await folder.ledger.planText(task.id)).toBe(plan)
  })

  it('queues a new plan within 0.3 s of its last byte', async () => {
    await folder.start()
    const wokenAt = new Map<string, number>()
    const errors: unknown[] = []
    const worker = startTaskWorker({
      redisUrl: redis.url,
      instance: folder.instance,
      concurrency: 1,
      handle: async ({ taskId }) => void wokenAt.set(taskId, performance.now()),
      onError: (error) => errors.push(error),
    })
    try {
      const tookMs: number[] = []
      for (let round = 1; round <= 5; round++) {
        await folder.write(`plan-${round}.md`, `${plan}${round}`)
        const writtenAt = performance.now()
        await eventually(
          async () => wokenAt.size,
          (size) => size === round,
        )
        tookMs.push(Math.max(...wokenAt.values()) - writtenAt)
      }
      expect(errors).toEqual([])
      // The median, because the machine that tests this is also busy with other tests.
      expect(tookMs.toSorted((one, other) => one - other)[2]).toBeLessThan(300)
    } finally {
      await worker.close()
    }
  })

  it('makes one task of a plan written in 20 slow chunks and touched three times', async () => {
    await folder.start()
    const text = `---\ntitle: Add retry\nstatus: ready\n---\n${'# A long plan with many words\n'.repeat(40)}`
    const size = Math.ceil(text.length / 20)
    for (let chunk = 0; chunk < 20; chunk++) {
      await appendFile(folder.at('slow.md'), text.slice(chunk * size, (chunk + 1) * size))
      await sleep(30)
    }
    await eventually(folder.tasks, oneTask)
    for (let touch = 0; touch < 3; touch++) {
      await utimes(folder.at('slow.md'), new Date(), new Date())
      await sleep(200)
    }
    await quiet()
    const tasks = await folder.tasks()
    expect(tasks).toHaveLength(1)
    // On a busy machine the writer may pause for longer than any wait: then the rest of the text is an edit.
    expect(await newestHashAt('slow.md')).toBe(planHashFor(text))
    expect(await folder.names()).toEqual(['slow.md'])
  })

  it('makes one task of a plan saved five times, by rename as editors do', async () => {
    await folder.start()
    for (let save = 0; save < 5; save++) {
      await folder.write('.plan.tmp', plan)
      await rename(folder.at('.plan.tmp'), folder.at('plan.md'))
      await sleep(180)
    }
    await quiet()
    expect(await folder.tasks()).toHaveLength(1)
    expect(await inboxKinds()).toEqual([])
  })

  it('tells the task once of an edit', async () => {
    await folder.write('plan.md', plan)
    await folder.start()
    await folder.write('plan.md', `${plan}\nAnd document it.\n`)
    await eventually(inboxKinds, (kinds) => kinds.length > 0)
    await utimes(folder.at('plan.md'), new Date(), new Date())
    await quiet()
    expect(await inboxKinds()).toEqual(['plan-edited'])
    expect(await folder.tasks()).toHaveLength(1)
  })

  it('tells the task of the newest text when an edit is taken back and made again', async () => {
    await folder.write('plan.md', plan)
    await folder.start()
    const texts = [`${plan}two\n`, plan, `${plan}two\n`]
    for (const text of texts) {
      await folder.write('plan.md', text)
      await eventually(
        () => newestHashAt('plan.md'),
        (hash) => hash === planHashFor(text),
      )
    }
  })

  it('cancels a running task when its plan says so, and starts anew when it is taken back', async () => {
    await folder.write('plan.md', plan)
    await folder.start()
    await folder.write('plan.md', plan.replace('---\n', '---\nstatus: cancelled\n'))
    await eventually(inboxKinds, (kinds) => kinds.includes('plan-cancelled'))
    expect(await folder.tasks()).toHaveLength(1)
    await endTask('cancelled')
    await folder.write('plan.md', plan)
    await eventually(folder.tasks, (tasks) => tasks.length === 2)
  })

  it('does nothing when an ended plan is saved again, and starts the next generation when it is changed', async () => {
    await folder.write('plan.md', plan)
    await folder.start()
    await endTask('merged')
    await folder.write('plan.md', plan)
    await quiet()
    expect(await folder.tasks()).toHaveLength(1)
    await folder.write('plan.md', `${plan}More.\n`)
    const tasks = await eventually(folder.tasks, (seen) => seen.length === 2)
    expect(tasks.map(({ generation }) => generation).toSorted()).toEqual([1, 2])
  })

  it('keeps the task of a plan that is renamed', async () => {
    await folder.write('old.md', plan)
    await folder.start()
    await rename(folder.at('old.md'), folder.at('new.md'))
    await eventually(inboxKinds, (kinds) => kinds.includes('plan-moved'))
    await quiet()
    expect(await folder.tasks()).toHaveLength(1)
    expect(await inboxKinds()).toEqual(['plan-moved'])
  })

  it('keeps the task of a plan that was renamed while nobody watched', async () => {
    await folder.write('old.md', plan)
    await (await folder.start()).close()
    await rename(folder.at('old.md'), folder.at('new.md'))
    await folder.start()
    expect(await folder.tasks()).toHaveLength(1)
    expect(await inboxKinds()).toEqual(['plan-moved'])
  })

  it('rejects a copy, naming the first, until the first goes away', async () => {
    await folder.write('first.md', plan)
    await folder.start()
    await copyFile(folder.at('first.md'), folder.at('second.md'))
    await eventually(folder.names, (names) => names.includes('second.rejected.md'))
    expect(await readFile(folder.at('second.rejected.md'), 'utf8')).toContain('`first.md`')
    expect(await folder.tasks()).toHaveLength(1)
    await rm(folder.at('first.md'))
    await eventually(inboxKinds, (kinds) => kinds.includes('plan-moved'))
    await eventually(folder.names, (names) => names.join() === 'second.md')
  })

  it('accepts one of several new plans with the same content', async () => {
    for (const name of ['a.md', 'b.md', 'c.md']) await folder.write(name, plan)
    await folder.start()
    expect(await folder.tasks()).toHaveLength(1)
    expect((await folder.names()).filter((name) => name.endsWith('.rejected.md'))).toHaveLength(2)
  })

  it('changes nothing when a plan is deleted', async () => {
    await folder.write('plan.md', plan)
    await folder.start()
    await rm(folder.at('plan.md'))
    await quiet()
    expect(await folder.tasks()).toMatchObject([{ status: 'ready' }])
    expect(await inboxKinds()).toEqual([])
  })

  it('explains a bad plan beside it, and takes the explanation away when it is fixed', async () => {
    await folder.start()
    await folder.write('bad.md', '---\nstatus: wip\n---\n# x\n')
    await eventually(folder.names, (names) => names.includes('bad.rejected.md'))
    expect(await readFile(folder.at('bad.rejected.md'), 'utf8')).toContain('Line 2, status')
    expect(await folder.tasks()).toEqual([])
    await folder.write('bad.md', plan)
    await eventually(folder.tasks, oneTask)
    await eventually(folder.names, (names) => names.join() === 'bad.md')
  })

  it('takes the explanation away when the bad plan is deleted', async () => {
    await folder.write('bad.md', '')
    await folder.start()
    expect(await folder.names()).toEqual(['bad.md', 'bad.rejected.md'])
    await rm(folder.at('bad.md'))
    await eventually(folder.names, (names) => names.length === 0)
  })

  it('explains a bad plan whose time lies in the future', async () => {
    await folder.start()
    await folder.write('.staged', '')
    await utimes(folder.at('.staged'), new Date(), new Date(Date.now() + 3_600_000))
    await rename(folder.at('.staged'), folder.at('bad.md'))
    await eventually(folder.names, (names) => names.includes('bad.rejected.md'))
  })

  it('goes on when the folder is deleted and made again', async () => {
    const watcher = await folder.start({ scanSeconds: 1 })
    await rm(folder.directory, { recursive: true })
    await eventually(
      async () => watcher.notReady(),
      (reason) => reason?.includes('no folder') === true,
    )
    await mkdir(folder.directory)
    await folder.write('plan.md', plan)
    await eventually(folder.tasks, oneTask)
    expect(watcher.notReady()).toBeUndefined()
  })

  it('takes every plan in again after the ledger was emptied, even when a new plan filled it meanwhile', async () => {
    await folder.start({ scanSeconds: 1 })
    await folder.write('old.md', plan)
    await eventually(folder.tasks, oneTask)
    await redis.flush()
    await folder.write('new.md', '# Another\n')
    await eventually(folder.tasks, (tasks) => tasks.length === 2)
    expect((await folder.tasks()).map(({ planPath }) => planPath).toSorted()).toEqual(['new.md', 'old.md'])
  })

  it('never changes a plan file', async () => {
    const bad = '---\nstatus: wip\n---\n# x\n'
    await folder.write('good.md', plan)
    await folder.write('bad.md', bad)
    await folder.start()
    expect(await readFile(folder.at('good.md'), 'utf8')).toBe(plan)
    expect(await readFile(folder.at('bad.md'), 'utf8')).toBe(bad)
  })

  it('refuses and reports what is not a plain file of its own, and goes on with the rest', async () => {
    await writeFile(folder.at('outside.txt'), plan)
    await folder.start()
    await symlink('/etc/passwd', folder.at('link.md'))
    await symlink(folder.at('nowhere'), folder.at('dangling.md'))
    await link(folder.at('outside.txt'), folder.at('hard.md'))
    execFileSync('mkfifo', [folder.at('pipe.md')])
    await mkdir(folder.at('folder.md'))
    await folder.write('huge.md', '')
    await truncate(folder.at('huge.md'), 10 * 1024 ** 3)
    await folder.write('good.md', plan)
    await eventually(folder.tasks, oneTask)
    const reported = ['dangling', 'folder', 'hard', 'huge', 'link', 'pipe'].map((name) => `${name}.rejected.md`)
    await eventually(
      async () => (await folder.names()).filter((name) => name.endsWith('.rejected.md')),
      (names) => names.join() === reported.join(),
    )
    expect(await readFile(folder.at('link.rejected.md'), 'utf8')).not.toContain('root:')
    expect(await folder.tasks()).toMatchObject([{ planPath: 'good.md' }])
  })

  it('ignores what is no plan', async () => {
    const names = ['README.md', 'AGENTS.md', '.hidden.md', 'notes.txt', 'x.report.md', '250102__REPORT__x.md', '~$x.md']
    for (const name of names) await folder.write(name, `${plan}${name}`)
    await mkdir(folder.at('sub'))
    await folder.write('sub/plan.md', plan)
    await folder.start()
    await folder.write('index.md', plan)
    await quiet()
    expect(await folder.tasks()).toEqual([])
    expect(await folder.names()).toEqual([...names, 'index.md', 'sub'].toSorted())
  })

  it('rejects a plan for a repository that is not allowed, and accepts one for an allowed one', async () => {
    await folder.write('evil.md', plan.replace('---\n', '---\nrepo: evil/repo\n'))
    await folder.write('other.md', plan.replace('---\n', '---\nrepo: Octo-Org/Other\n'))
    const allowed = [repositoryNameSchema.parse('octo-org/other')]
    await folder.start({ repositories: { default: repositoryNameSchema.parse('octo-org/hello'), allowed } })
    expect(await folder.tasks()).toMatchObject([{ planPath: 'other.md', repository: 'octo-org/other' }])
    expect(await readFile(folder.at('evil.rejected.md'), 'utf8')).toMatch(/Line 2, repo.*octo-org\/hello/)
  })

  it('rejects a branch that another plan has, naming the line', async () => {
    const own = plan.replace('---\n', '---\nbranch: agent/shared\n')
    await folder.write('one.md', own)
    await folder.start()
    await folder.write('two.md', `${own}Other text.\n`)
    await eventually(folder.names, (names) => names.includes('two.rejected.md'))
    expect(await readFile(folder.at('two.rejected.md'), 'utf8')).toContain('Line 2, branch')
    expect(await folder.tasks()).toMatchObject([{ branch: 'agent/shared' }])
  })

  it('holds a plan that asks for approval', async () => {
    await folder.write('plan.md', plan.replace('---\n', '---\napproval: required\n'))
    await folder.start()
    expect(await folder.tasks()).toMatchObject([{ status: 'held', statusReason: 'the plan asks for approval' }])
  })

  it('lets a plan rest whose status asks for no work', async () => {
    await folder.write('plan.md', plan.replace('---\n', '---\nstatus: hold\n'))
    await folder.start()
    expect(await folder.tasks()).toEqual([])
    await folder.write('plan.md', plan)
    await eventually(folder.tasks, oneTask)
  })

  it('does not work again on what a report says was done, when the ledger is empty', async () => {
    await folder.write('plan.md', plan)
    await folder.write('plan.report.md', `---\nplan_hash: ${planHashFor(plan)}\nstatus: merged\n---\n# Report\n`)
    await folder.start()
    expect(await folder.tasks()).toEqual([])
    await folder.write('plan.md', `${plan}More.\n`)
    await eventually(folder.tasks, oneTask)
  })

  describe('at a first start', () => {
    const writePlans = async (count: number) => {
      for (let index = 0; index < count; index++) await folder.write(`plan-${index}.md`, `${plan}${index}\n`)
    }
    const holdMessages = () => folder.logLines.filter(({ msg }) => msg.includes('devbot start --all'))

    it('holds all of more plans than were surely meant, with one message', async () => {
      await writePlans(6)
      await folder.start()
      const tasks = await folder.tasks()
      expect(tasks).toHaveLength(6)
      expect(tasks.every(({ status }) => status === 'held')).toBe(true)
      expect(holdMessages()).toHaveLength(1)
    })

    it('starts up to that many', async () => {
      await writePlans(5)
      await folder.start()
      expect((await folder.tasks()).every(({ status }) => status === 'ready')).toBe(true)
      expect(holdMessages()).toEqual([])
    })

    it('does not count plans that would not start', async () => {
      await writePlans(5)
      await folder.write('copy.md', `${plan}0\n`)
      await folder.write('rests.md', '---\nstatus: hold\n---\n# x\n')
      await folder.write('bad.md', '')
      await folder.start()
      expect((await folder.tasks()).map(({ status }) => status)).toEqual(Array(5).fill('ready'))
    })

    it('goes on holding when it was interrupted', async () => {
      await writePlans(2)
      await (await folder.start({ maxFirstStart: 1 })).close()
      await writePlans(8)
      await folder.start()
      expect((await folder.tasks()).map(({ status }) => status)).toEqual(Array(8).fill('held'))
    })

    it('holds nothing that comes later', async () => {
      await writePlans(6)
      await folder.start()
      await folder.write('later.md', `${plan}later\n`)
      const tasks = await eventually(folder.tasks, (seen) => seen.length === 7)
      expect(tasks.find(({ planPath }) => planPath === 'later.md')?.status).toBe('ready')
    })

    it('holds nothing when tasks were started before', async () => {
      await writePlans(1)
      await (await folder.start()).close()
      await writePlans(8)
      await folder.start()
      expect((await folder.tasks()).map(({ status }) => status)).toEqual(Array(8).fill('ready'))
    })
  })

  it('accepts each plan once when two watchers see it', async () => {
    await Promise.all([folder.start({ maxFirstStart: 100 }), folder.start({ maxFirstStart: 100 })])
    for (let index = 0; index < 20; index++) await folder.write(`plan-${index}.md`, `${plan}${index}\n`)
    await eventually(folder.tasks, (tasks) => tasks.length === 20)
    await folder.write('plan-3.md', `${plan}edited\n`)
    await quiet()
    expect(await folder.tasks()).toHaveLength(20)
    expect(await folder.names()).toHaveLength(20)
  })

  it('accepts 1,000 plans at once, each exactly once', async () => {
    await folder.start({ maxFirstStart: 10_000 })
    const before = process.memoryUsage.rss()
    await Promise.all(
      Array.from({ length: 1_000 }, (_, index) =>
        folder.write(`plan-${index}.md`, `${plan}${index}\n${'x'.repeat(4_000)}\n`),
      ),
    )
    await eventually(
      () => folder.ledger.countTasks(),
      (count) => count === 1_000,
      50_000,
    )
    const tasks = await folder.tasks()
    expect(new Set(tasks.map(({ planPath }) => planPath)).size).toBe(1_000)
    expect(tasks.every(({ generation }) => generation === 1)).toBe(true)
    expect((process.memoryUsage.rss() - before) / 1024 ** 2).toBeLessThan(150)
    expect((await folder.names()).length).toBe(1_000)
  })

  it('says clearly that there is no such folder', async () => {
    await expect(folder.start({ directory: folder.at('missing') })).rejects.toMatchObject({
      category: 'config',
      code: 'plan-folder-missing',
    })
  })
})

describe('startWatcher while the ledger is away', () => {
  it('takes up, once, whatever came meanwhile, and says so once', async () => {
    await folder.write('before.md', plan)
    const watcher = await folder.start({ scanSeconds: 600 })
    await redis.kill()
    for (let index = 0; index < 10; index++) await folder.write(`plan-${index}.md`, `${plan}${index}\n`)
    await folder.write('before.md', `${plan}edited\n`)
    await eventually(
      async () => watcher.notReady(),
      (reason) => reason !== undefined,
    )
    await sleep(500)
    await redis.restart()
    await eventually(
      () => folder.ledger.countTasks().catch(() => 0),
      (count) => count === 11,
      30_000,
    )
    await eventually(
      async () => watcher.notReady(),
      (reason) => reason === undefined,
    )
    await quiet()
    expect(await folder.tasks()).toHaveLength(11)
    expect(folder.logLines.filter(({ msg }) => msg.startsWith('the ledger is away'))).toHaveLength(1)
    expect(await folder.names()).toHaveLength(11)
  })

  it('waits for it at the start, and still decides on a first start', async () => {
    for (let index = 0; index < 6; index++) await folder.write(`plan-${index}.md`, `${plan}${index}\n`)
    await redis.kill()
    const started = folder.start()
    await sleep(500)
    await redis.restart()
    await started
    expect((await folder.tasks()).map(({ status }) => status)).toEqual(Array(6).fill('held'))
  })
})
