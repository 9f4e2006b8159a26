import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ServiceProcess, type Stack, startService, startStack, waitFor } from '@devbot/demo'
import type { TrajectoryInput } from '@devbot/replay-model'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LinkFault, type Relay, startRelay } from './src/relay.ts'
import { worldOf } from './src/world.ts'

/** Longer than a command to Redis is waited for (2 s), shorter than a lease. */
const BROKEN_MS = 2_500

const turn = (calls: { tool: string; input: Record<string, unknown> }[]) => ({ delayMs: 150, calls })
const trajectories: TrajectoryInput[] = [
  {
    name: 'three-turns',
    match: 'Write two files',
    repeatWhile: 'Interrupted: DevBot was restarted',
    turns: [
      turn([{ tool: 'write', input: { path: 'one.txt', content: `${'one '.repeat(2_000)}\n` } }]),
      turn([{ tool: 'shell', input: { command: 'wc -c < one.txt > two.txt' } }]),
      turn([{ tool: 'finish', input: { title: 'Write two files', summary: 'They are there.', testing_notes: '' } }]),
    ],
  },
]

const FAULTS: readonly LinkFault[] = [
  { kind: 'delay', ms: 60 },
  { kind: 'reset' },
  { kind: 'cut', afterBytes: 1_500 },
  { kind: 'partition', direction: 'up' },
  { kind: 'partition', direction: 'down' },
]
const LINKS = ['redis', 'github', 'model'] as const
/** In CI each link meets two or three, and each fault a link; `DEVBOT_E2E_REAL_TIME=1` tries every fault on every link. */
const FEW: Readonly<Record<(typeof LINKS)[number], readonly number[]>> = {
  redis: [1, 2, 4],
  github: [0, 2, 3],
  model: [1, 4],
}

describe('links of the worker that are broken in the middle of a run', () => {
  let stack: Stack
  let world: ReturnType<typeof worldOf>
  let worker: ServiceProcess
  let relays: Record<(typeof LINKS)[number], Relay>

  beforeAll(async () => {
    stack = await startStack({ sandbox: 'process', trajectories, without: ['worker'] })
    world = worldOf(stack)
    const relayTo = (url: string) => startRelay(Number(new URL(url).port))
    const [redis, github, model] = await Promise.all(
      [stack.redis, stack.github, stack.model].map(({ url }) => relayTo(url)),
    )
    if (redis === undefined || github === undefined || model === undefined) throw new Error('a relay is missing')
    relays = { redis, github, model }
    const through = (url: string, relay: Relay) => url.replace(/:\d+/, `:${relay.port}`)
    worker = await startService({
      name: 'worker',
      logFile: join(stack.directory, 'worker.log'),
      env: {
        ...stack.env,
        REDIS_URL: through(stack.redis.url, redis),
        GITHUB_API_URL: through(stack.github.apiUrl, github),
        GITHUB_SERVER_URL: through(stack.github.serverUrl, github),
        ANTHROPIC_BASE_URL: through(stack.model.url, model),
      },
    })
  })
  afterAll(async () => {
    await worker?.stop()
    for (const relay of Object.values(relays ?? {})) await relay[Symbol.asyncDispose]()
    await stack?.stop()
  })

  const cases = LINKS.flatMap((link) =>
    FAULTS.filter((_fault, index) => process.env.DEVBOT_E2E_REAL_TIME === '1' || FEW[link].includes(index)).map(
      (fault) => [link, Object.values(fault).join(' '), fault] as const,
    ),
  )

  it.each(cases)('delivers once although the link to %s has a %s', async (link, what, fault) => {
    const name = `${link}-${what.replaceAll(' ', '-')}`
    relays[link].break(fault)
    await world.writePlan(`${name}.md`, `---\ntest: node --version\n---\n# ${name}\n\nWrite two files.\n`)
    const mended = (async () => {
      await waitFor('the fault to strike', async () => relays[link].struck() > 0)
      await sleep(BROKEN_MS)
      relays[link].mend()
    })()
    const task = await world.settled(`${name}.md`, 'in-review', 120_000)
    await mended
    expect(await world.commits(task.branch)).toHaveLength(1)
    expect((await world.nameStatus(task.branch)).sort()).toEqual(['A\tone.txt', 'A\ttwo.txt'])
    expect((await world.pulls()).filter((pull) => pull.head.ref === task.branch)).toHaveLength(1)
  })
})
