import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ServiceProcess, type Stack, startService, startStack } from '@devbot/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newRandom } from './src/seeded-random.ts'
import { worldOf } from './src/world.ts'

const REPOSITORIES = ['timespan', 'other'] as const
const PLANS = REPOSITORIES.flatMap((name) => [1, 2].map((number) => ({ name, planPath: `${name}-${number}.md` })))
const KILLS = 3
/** `DEVBOT_E2E_SEED` plays the same kills again. */
const SEED = Number(process.env.DEVBOT_E2E_SEED ?? Date.now() % 100_000)

const TRAJECTORIES = PLANS.map(({ planPath }) => ({
  name: planPath.replace('.md', ''),
  match: `replay: ${planPath}`,
  turns: [
    { calls: [{ tool: 'write', input: { path: `${planPath}.txt`, content: 'done\n' } }] },
    ...Array.from({ length: 6 }, () => ({
      delayMs: 400,
      calls: [{ tool: 'shell', input: { command: 'date +%N' } }],
    })),
    { calls: [{ tool: 'finish', input: { title: `Do ${planPath}`, summary: 'A file more.' } }] },
  ],
}))

/** About 40 s. `e2e/src/scale-kills.ts` is the large one, in containers. */
describe(`two workers, one of which is killed now and then (seed ${SEED})`, () => {
  let stack: Stack
  let workers: readonly ServiceProcess[] = []
  let world: ReturnType<typeof worldOf>

  beforeAll(async () => {
    stack = await startStack({
      sandbox: 'process',
      trajectories: TRAJECTORIES,
      env: { ALLOWED_REPOS: 'timespan/timespan,timespan/other', LEASE_SECONDS: '5', WORKER_CONCURRENCY: '2' },
    })
    world = worldOf(stack)
    const second = startService({ name: 'worker', env: stack.env, logFile: join(stack.directory, 'worker-2.log') })
    workers = [stack.service('worker'), await second]
    const author = { name: 'ada', email: 'ada@timespan.example' }
    const files = { 'README.md': Buffer.from('# Other\n') }
    await stack.github.seedRepository({
      owner: 'timespan',
      name: 'other',
      defaultBranch: 'main',
      visibility: 'public',
      history: [{ message: 'Begin', author, date: '2026-11-01T12:00:00Z', files }],
    })
  })
  afterAll(async () => {
    await workers[1]?.stop()
    await stack?.stop()
  })

  it('make one pull request with one commit of each plan, and nothing else', async () => {
    const random = newRandom(SEED)
    for (const { name, planPath } of PLANS)
      await world.writePlan(
        planPath,
        `---\nrepo: timespan/${name}\ntest: node --version\n---\n# ${planPath}\n\nreplay: ${planPath}\n`,
      )
    for (let kill = 0; kill < KILLS; kill += 1) {
      await sleep(1_000 + random() * 2_000)
      const worker = workers[random() < 0.5 ? 0 : 1]
      await worker?.kill()
      await worker?.start()
    }
    const tasks = await Promise.all(PLANS.map(({ planPath }) => world.settled(planPath, 'in-review')))
    expect((await world.tasks()).map(({ id }) => id).toSorted()).toEqual(tasks.map(({ id }) => id).toSorted())
    for (const repo of REPOSITORIES) {
      const ours = tasks.filter(({ repository }) => repository === `timespan/${repo}`)
      const there = { owner: 'timespan', repo }
      const { data: pulls } = await world.as('reviewer').pulls.list({ ...there, state: 'all' })
      expect(pulls.map(({ head }) => head.ref).toSorted()).toEqual(ours.map(({ branch }) => branch).toSorted())
      const { data: branches } = await world.as('reviewer').repos.listBranches(there)
      expect(branches.map(({ name }) => name).toSorted()).toEqual(
        ['main', ...ours.map(({ branch }) => branch)].toSorted(),
      )
      for (const { number } of pulls) {
        const { data: commits } = await world.as('reviewer').pulls.listCommits({ ...there, pull_number: number })
        expect(commits).toHaveLength(1)
      }
    }
    expect(stack.model.violations()).toEqual([])
  })
})
