import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { CONTAINER_LABELS, podPartName, SANDBOX_USER } from '@devbot/contracts'
import { canUseDocker, type Stack, startStack, waitFor } from '@devbot/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { worldOf } from './src/world.ts'

/** What agent and first test run wait for; a person outside makes it with `docker exec`. */
const GO = '/tmp/go'
const WAIT = `while [ ! -e ${GO} ]; do sleep 0.2; done`
const PLAN = `---\ntest: sh -c 'test -e done.txt || ${WAIT}'\n---\n# Wait\n\nreplay: wait\n`
const TRAJECTORIES = [
  {
    name: 'wait',
    match: 'replay: wait',
    turns: [
      { calls: [{ tool: 'write', input: { path: 'done.txt', content: 'done\n' } }] },
      { calls: [{ tool: 'shell', input: { command: WAIT, timeout_s: 300 } }] },
      { calls: [{ tool: 'finish', input: { title: 'Wait', summary: 'Waited until it was told to go on.' } }] },
    ],
  },
]

/** A worker's lease on its task, and how often sandboxes of dead owners are looked for. */
const LEASE_SECONDS = 8
const LEASE_MS = LEASE_SECONDS * 1000
/** The worker's start, and other tests on the same two cores. */
const SLACK_MS = 20_000
const DAY_MS = 86_400_000
const COMMON = { sandbox: 'docker', trajectories: TRAJECTORIES, env: { LEASE_SECONDS: String(LEASE_SECONDS) } } as const

const containerSchema = z.object({
  Image: z.string(),
  State: z.object({ Running: z.boolean(), StartedAt: z.string() }),
  Config: z.object({ Labels: z.record(z.string(), z.string()) }),
})

describe.skipIf(!(await canUseDocker()))('two instances on one engine', () => {
  const parts = new AsyncDisposableStack()
  let first: Stack
  let second: Stack
  /** The pods that each instance has at work in its first run. */
  let ofFirst: readonly PodPart[] = []
  let ofSecond: readonly PodPart[] = []

  beforeAll(async () => {
    const starts = [
      startStack({ ...COMMON, env: { ...COMMON.env, SANDBOX_WORKSPACE: 'volume' } }),
      startStack({ ...COMMON, without: ['worker'] }),
    ]
    const stacks = starts.map(async (start) => parts.use(await start))
    await Promise.allSettled(stacks)
    const [one, two] = await Promise.all(stacks)
    if (one === undefined || two === undefined) throw new Error('expected two stacks')
    first = one
    second = two
  }, 120_000)
  afterAll(() => parts.disposeAsync())

  it('work side by side: the start of one leaves alone what the other has, and tidies up what is a day too old', async () => {
    await worldOf(first).writePlan('wait.md', PLAN)
    ofFirst = await podsAtWork(first)
    expect(ofFirst.filter(({ role }) => role === 'volume')).toHaveLength(2)
    const old = await leftoverOfAnother(first, Date.now() - 2 * DAY_MS)
    parts.defer(() => old.remove())
    const recent = await leftoverOfAnother(first, Date.now() - DAY_MS / 2)
    parts.defer(() => recent.remove())
    await second.startService('worker')
    await worldOf(second).writePlan('wait.md', PLAN)
    ofSecond = await podsAtWork(second)
    await waitFor('the leftover to be gone', async () => !(await old.isThere()))
    expect(await recent.isThere()).toBe(true)
    expect(await podPartsOf(first)).toEqual(ofFirst)
  })

  it('lose a killed worker’s containers and volumes after its lease and one reaper period, and no others', async () => {
    await first.service('worker').kill()
    await first.service('worker').start()
    const dead = new Set(ofFirst.map(({ id }) => id))
    await waitFor(
      'what the killed worker had to be gone',
      async () => (await podPartsOf(first)).every(({ id }) => !dead.has(id)),
      { timeoutMs: 2 * LEASE_MS + SLACK_MS, otherwise: () => podPartsOf(first) },
    )
    expect(await podPartsOf(second)).toEqual(ofSecond)
  })

  it('bring the killed worker’s task to its end, with one branch and one pull request', async () => {
    const task = await goOn(first)
    const world = worldOf(first)
    expect([...(await world.branches()).keys()].filter((name) => name.startsWith('agent/'))).toEqual([task.branch])
    expect(await world.pulls()).toHaveLength(1)
    expect(await world.commits(task.branch)).toHaveLength(1)
    expect((await first.ledger.details(task.id))?.runs).toHaveLength(1)
    expect(await podPartsOf(first)).toEqual([])
  })

  it('stop by themselves: the other’s run goes on to its end as if nothing had been', async () => {
    await first.service('worker').stop()
    expect(await podPartsOf(second)).toEqual(ofSecond)
    const task = await goOn(second)
    expect((await second.ledger.details(task.id))?.runs).toHaveLength(1)
    expect(await worldOf(second).pulls()).toHaveLength(1)
    expect(await podPartsOf(second)).toEqual([])
  })
})

type PodPart = { readonly id: string; readonly purpose: string; readonly role: string; readonly startedAt: string }

function engineOf({ sandbox }: Stack) {
  if (sandbox.driver !== 'docker') throw new Error('expected a stack with containers')
  return sandbox.engine
}

const docker = (stack: Stack, ...args: string[]) =>
  promisify(execFile)('docker', ['--host', `unix://${engineOf(stack).socketPath}`, ...args])

/** Containers that run, with since when, and volumes; in an order of their own. */
async function podPartsOf(stack: Stack): Promise<readonly PodPart[]> {
  const engine = engineOf(stack)
  const found = await Promise.all(
    (await engine.thingsOf(stack.instance)).map(async ({ kind, id }): Promise<readonly PodPart[]> => {
      if (kind === 'volume') return [{ id, purpose: '', role: 'volume', startedAt: '' }]
      const inspected = await engine.inspect(id)
      if (inspected === undefined) return []
      const { State, Config } = containerSchema.parse(inspected)
      if (!State.Running) return []
      const [purpose = '', role = ''] = [CONTAINER_LABELS.purpose, CONTAINER_LABELS.role].map(
        (label) => Config.Labels[label],
      )
      return [{ id, purpose, role, startedAt: State.StartedAt }]
    }),
  )
  return found.flat().sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** Waits until the agent and the first test run are both at their waiting. */
async function podsAtWork(stack: Stack): Promise<readonly PodPart[]> {
  return await waitFor(
    `${stack.instance} to have its agent and its first test run at work`,
    async () => {
      const [listed] = await stack.ledger.listTasks(1)
      if ((listed?.progress?.turn ?? 0) < 2) return undefined
      const found = await podPartsOf(stack)
      const running = found.filter(({ role }) => role === 'anchor' || role === 'sandbox')
      const purposes = new Set(running.map(({ purpose }) => purpose))
      return running.length === 4 && purposes.size === 2 ? found : undefined
    },
    { otherwise: () => podPartsOf(stack) },
  )
}

/** Tells every sandbox of the instance to go on, later ones too, until its task is in review. */
async function goOn(stack: Stack) {
  const world = worldOf(stack)
  const settled = world.settled('wait.md', 'in-review', 120_000)
  const over = settled.then(
    () => true,
    () => true,
  )
  await waitFor(
    `${stack.instance} to be told to go on`,
    async () => {
      for (const { id, role } of await podPartsOf(stack)) {
        // A sandbox that is gone, or has no /tmp yet, is no sandbox that waits.
        if (role === 'sandbox')
          await docker(stack, 'exec', '--user', SANDBOX_USER, id, 'touch', GO).catch(() => undefined)
      }
      return await Promise.race([over, Promise.resolve(false)])
    },
    { timeoutMs: 150_000, everyMs: 500 },
  )
  return await settled
}

/** A container as an instance that is no more would have left it, usable until `expiresAtMs`. */
async function leftoverOfAnother(stack: Stack, expiresAtMs: number) {
  const engine = engineOf(stack)
  const [instance, podId] = [`gone-${randomBytes(3).toString('hex')}`, randomBytes(12).toString('hex')]
  const labels = {
    [CONTAINER_LABELS.instance]: instance,
    [CONTAINER_LABELS.pod]: podId,
    [CONTAINER_LABELS.role]: 'sandbox',
    [CONTAINER_LABELS.purpose]: 'agent',
    [CONTAINER_LABELS.task]: 't0123456789ab',
    [CONTAINER_LABELS.run]: 'r1',
    [CONTAINER_LABELS.epoch]: '1',
    [CONTAINER_LABELS.expires]: String(Math.round(expiresAtMs)),
  }
  const labelled = Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`])
  const name = podPartName(instance, podId, 'sandbox')
  const any = (await podPartsOf(stack)).find(({ role }) => role !== 'volume')
  // Of whatever image: it is never started.
  const { Image } = containerSchema.parse(await engine.inspect(any?.id ?? ''))
  const created = await docker(stack, 'create', '--network=none', '--name', name, ...labelled, Image, 'true')
  const id = created.stdout.trim()
  return {
    isThere: async () => (await engine.inspect(id)) !== undefined,
    remove: () => engine.remove({ kind: 'container', id, name }),
  }
}
