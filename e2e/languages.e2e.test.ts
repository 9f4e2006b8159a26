import { canUseDocker, REPOSITORY, type Stack, startStack } from '@devbot/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensureTestImage } from '../packages/sandbox/src/testing/test-images.ts'
import { busyboxSample, goSample, pythonSample, type Sample, servicesSample } from './src/samples/samples.ts'
import { worldOf } from './src/world.ts'

const [owner = ''] = REPOSITORY.split('/')
const dockerHost = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock'

/** Its side service does not come up. The model has nothing to say to it: a question would be a violation. */
const brokenSample = (redis: string) => ({
  name: 'broken',
  files: {
    '.devbot.yml': `services:\n  db:\n    image: ${redis}\n    port: 6379\n    command: [sh, -c, "echo no disk; exit 3"]\n`,
  },
})

const trajectoryOf = ({ name, mended: [path, content], tries: [command, expect] }: Sample) => ({
  name,
  match: `replay: ${name}`,
  turns: [
    { calls: [{ tool: 'write', input: { path, content } }] },
    { calls: [{ tool: 'shell', input: { command, timeout_s: 120 } }] },
    { expect, calls: [{ tool: 'finish', input: { title: `Mend ${path}`, summary: 'Mended.' } }] },
  ],
})

/** Built in some 35 s when none is there yet, looked up in no time later. */
describe.skipIf(!(await canUseDocker()))('repositories with images and side services of their own', () => {
  let stack: Stack
  let world: ReturnType<typeof worldOf>

  beforeAll(async () => {
    const image = (name: Parameters<typeof ensureTestImage>[1]) => ensureTestImage(dockerHost, name)
    const [python, go, bare, postgres, redis] = await Promise.all([
      image('python'),
      image('go'),
      image('bare'),
      image('postgres'),
      image('redis'),
    ])
    const samples = [
      pythonSample(python),
      goSample(go),
      busyboxSample(bare),
      servicesSample({ python, postgres, redis }),
    ]
    const repositories = [...samples, brokenSample(redis)]
    stack = await startStack({
      sandbox: 'docker',
      trajectories: samples.map(trajectoryOf),
      env: {
        ALLOWED_REPOS: [REPOSITORY, ...repositories.map(({ name }) => `${owner}/${name}`)].join(','),
        IMAGES_ALLOWED: 'devbot-test-*',
        WORKER_CONCURRENCY: '5',
        SANDBOX_MEMORY: '512m',
        SANDBOX_DISK: '512m',
      },
    })
    world = worldOf(stack)
    for (const { name, files } of repositories) await seed(name, files)
    for (const { name } of repositories)
      await world.writePlan(`${name}.md`, `---\nrepo: ${owner}/${name}\n---\n# Mend ${name}\n\nreplay: ${name}\n`)
  }, 300_000)
  afterAll(() => stack?.stop())

  async function seed(name: string, files: Readonly<Record<string, string>>): Promise<void> {
    const bytes = Object.fromEntries(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)]))
    const author = { name: 'ada', email: 'ada@timespan.example' }
    const commit = { message: 'Begin', author, date: '2026-11-01T12:00:00Z', files: bytes }
    await stack.github.seedRepository({ owner, name, defaultBranch: 'main', visibility: 'public', history: [commit] })
  }

  it.each(['python', 'go', 'busybox', 'services'])(
    '%s: from red to green in its own image, by pull request',
    async (name) => {
      const task = await world.settled(`${name}.md`, 'in-review', 150_000)
      expect(task.pullRequest).toBeDefined()
      const [run] = (await stack.ledger.details(task.id))?.runs ?? []
      expect([name, run?.baseline?.exitCode, run?.verification?.exitCode, run?.verification?.output]).toEqual([
        name,
        1,
        0,
        expect.any(String),
      ])
      expect(await world.report(`${name}.md`)).toContain('fixed: tests failed before and pass now')
    },
  )

  it('broken: is held with the end of what the service wrote, and the model was never asked', async () => {
    const task = await world.settled('broken.md', 'held', 60_000)
    expect(task.statusReason).toMatch(/service-ended: The side service db .*exit code 3.*no disk/s)
    expect((await stack.ledger.details(task.id))?.runs.every(({ turns }) => turns === 0)).toBe(true)
    expect(stack.model.violations()).toEqual([])
  })
})
