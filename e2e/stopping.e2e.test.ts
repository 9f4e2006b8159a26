import { randomInt } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ServiceProcess, type Stack, startService, startStack, waitFor } from '@devbot/demo'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { devbot } from './src/cli.ts'
import { repository, worldOf } from './src/world.ts'

/** What no other process of this machine runs: told by its argument. */
const ENDLESS = `sleep 3000.${randomInt(1e9, 1e10)}`

const write = (path: string, content: string) => ({ calls: [{ tool: 'write', input: { path, content } }] })
const shell = (command: string, delayMs = 0) => ({ delayMs, calls: [{ tool: 'shell', input: { command } }] })
const finish = (title: string, answers: object = {}) => ({
  calls: [{ tool: 'finish', input: { title, summary: `${title}, as asked.`, ...answers } }],
})
const steps = (count: number) => Array.from({ length: count }, () => shell('date +%N', 300))

const TRAJECTORIES = [
  {
    name: 'endless',
    match: 'replay: endless',
    turns: [write('a.txt', 'a\n'), shell(ENDLESS), shell(ENDLESS), finish('Never')],
  },
  { name: 'quick', match: 'replay: quick', run: 'implement', turns: [write('b.txt', 'b\n'), finish('Add b')] },
  {
    name: 'round',
    match: 'replay: quick',
    run: 'revise',
    turns: [write('b.txt', 'c\n'), ...steps(60), finish('Change b', { feedback: [] })],
  },
  { name: 'steady', match: 'replay: steady', turns: [write('s.txt', 's\n'), ...steps(25), finish('Add s')] },
  {
    name: 'kept',
    match: ['replay: kept', 'An earlier run ended before it was done'],
    turns: [shell('cat kept.txt'), write('more.txt', 'more\n'), finish('Add both')],
  },
  {
    name: 'short',
    match: ['replay: kept', '/\\n\\nreplay: kept\\n(?![\\s\\S]*An earlier run ended)/'],
    turns: [write('kept.txt', 'kept\n'), ...steps(9)],
  },
] as const

const plan = (title: string, word: string, keys = '') =>
  `---\ntitle: ${title}\ntest: node --version\n${keys}---\n# ${title}\n\nreplay: ${word}\n`

/** Processes of the command that never ends. */
const endless = () =>
  readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() === ENDLESS
    } catch {
      // It ended between the listing and now.
      return false
    }
  })

/** About 50 s, on processes of this machine. */
describe('people who stop what runs', () => {
  let stack: Stack
  let world: ReturnType<typeof worldOf>
  let second: ServiceProcess | undefined

  beforeAll(async () => {
    stack = await startStack({
      sandbox: 'process',
      trajectories: structuredClone(TRAJECTORIES) as never,
      env: { RECONCILE_SECONDS: '2', LEASE_SECONDS: '5' },
    })
    world = worldOf(stack)
  })
  afterEach(async () => {
    await second?.stop()
    second = undefined
  })
  afterAll(() => stack?.stop())

  const sandboxes = () => {
    const folder = join(stack.directory, 'data', 'sandboxes')
    return readdirSync(folder).flatMap((instance) => readdirSync(join(folder, instance)))
  }
  const turnOf = async (planPath: string) =>
    (await stack.ledger.listTasks(50)).find(({ task }) => task.planPath === planPath)?.progress?.turn ?? 0
  const inTurn = (planPath: string, turn: number) =>
    waitFor(`${planPath} to be in turn ${turn}`, async () => (await turnOf(planPath)) >= turn)
  const say = (who: 'reviewer' | 'outsider', number: number, body: string) =>
    world.as(who).issues.createComment({ ...repository, issue_number: number, body })

  it('cancel a task in the middle of a long command: its sandbox is gone within 10 s, and nothing follows', async () => {
    await world.writePlan('endless.md', plan('Endless', 'endless'))
    await waitFor('the command to run', async () => endless().length > 0)
    const { id, branch } = await world.until('endless.md', 'to run', () => true)
    expect(await devbot(stack, 'cancel', id)).toMatchObject({ exitCode: 0 })
    const startedMs = performance.now()
    await waitFor('the sandbox to be gone', async () => endless().length === 0 && sandboxes().length === 0)
    const goneMs = Math.round(performance.now() - startedMs)
    process.stdout.write(`cancel: sandbox gone after ${goneMs} ms\n`)
    expect(goneMs).toBeLessThan(10_000)
    const task = await world.settled('endless.md', 'cancelled')
    expect(task.statusReason).toMatch(/^cancelled by .* \(command line\)$/)
    const asked = stack.model.requests().length
    await sleep(1_500)
    expect(stack.model.requests()).toHaveLength(asked)
    expect([...(await world.branches()).keys()]).not.toContain(branch)
    expect(await world.report('endless.md')).toMatch(/status: cancelled/)
    expect(await devbot(stack, 'cancel', id)).toMatchObject({
      exitCode: 3,
      said: expect.stringMatching(/ended already/),
    })
  })

  it('retry a cancelled task, which goes on with the same run', async () => {
    const { id } = await world.settled('endless.md', 'cancelled')
    expect(await devbot(stack, 'retry', id)).toMatchObject({ exitCode: 0 })
    await waitFor('the run to go on', async () =>
      (await stack.ledger.events(id)).some(({ event }) => event.kind === 'run-resumed'),
    )
    // The command that was cut off is told to the model as interrupted; the next turn runs it again.
    await waitFor('the next turn’s command to run', async () => endless().length > 0)
    expect((await stack.ledger.details(id))?.runs).toHaveLength(1)
    await devbot(stack, 'cancel', id)
    await world.settled('endless.md', 'cancelled')
    expect(endless()).toEqual([])
  })

  it('say /devbot cancel on the pull request: an outsider’s word interrupts nothing, a writer’s ends it', async () => {
    await world.writePlan('quick.md', plan('Quick', 'quick'))
    const { branch, pullRequest, headCommitId } = await world.settled('quick.md', 'in-review')
    const number = pullRequest?.number ?? 0
    await world.requestChanges('reviewer', number, 'Please say c.')
    await inTurn('quick.md', 2)
    await say('outsider', number, '/devbot cancel')
    const before = await turnOf('quick.md')
    await inTurn('quick.md', before + 5)
    const { id } = await world.until('quick.md', 'to be there', () => true)
    expect((await stack.ledger.details(id))?.runs).toHaveLength(2)
    expect((await stack.ledger.events(id)).filter(({ event }) => event.kind === 'run-end')).toHaveLength(1)
    const startedMs = performance.now()
    await say('reviewer', number, '/devbot cancel\n\nWe do it by hand.')
    const task = await world.settled('quick.md', 'cancelled')
    expect(performance.now() - startedMs).toBeLessThan(10_000)
    expect(task.statusReason).toBe('cancelled by ada')
    expect(sandboxes()).toEqual([])
    expect((await world.branches()).get(branch)).toBe(headCommitId)
    const { data: comments } = await world.as('reviewer').issues.listComments({ ...repository, issue_number: number })
    expect(comments.filter(({ user }) => user?.login === 'devbot')).toEqual([])
    const dropped = (await stack.ledger.details(id))?.feedback.filter(({ state }) => state === 'dropped')
    expect(dropped).toMatchObject([
      { item: { author: 'mallory' }, reason: expect.stringMatching(/no write permission/) },
    ])
  })

  it('say /devbot pause where no webhook comes through, and resume on the command line', async () => {
    stack.github.setWebhook(undefined)
    await world.writePlan('quiet.md', plan('Quiet', 'quick'))
    const { id, pullRequest } = await world.settled('quiet.md', 'in-review')
    await say('reviewer', pullRequest?.number ?? 0, '/devbot pause')
    const held = await world.settled('quiet.md', 'held')
    expect(held.statusReason).toBe('paused by ada')
    expect(await devbot(stack, 'tasks')).toMatchObject({ said: expect.stringMatching(/paused: devbot resume/) })
    expect(await devbot(stack, 'resume', id)).toMatchObject({ exitCode: 0 })
    await world.settled('quiet.md', 'in-review')
  })

  it('stop everything with a proof within 15 s, and resume: what ran goes on and is delivered once', async () => {
    await world.writePlan('steady.md', plan('Steady', 'steady'))
    await inTurn('steady.md', 4)
    const stopped = await devbot(stack, 'stop', '--all')
    process.stdout.write(stopped.said)
    expect(stopped).toMatchObject({ exitCode: 0, said: expect.stringMatching(/nothing is under way/) })
    expect(stopped.tookMs).toBeLessThan(15_000)
    expect(sandboxes()).toEqual([])
    const asked = stack.model.requests().length
    await world.writePlan('later.md', plan('Later', 'quick'))
    await world.until('later.md', 'to be accepted', (task) => task.status === 'ready')
    await sleep(1_500)
    expect(stack.model.requests()).toHaveLength(asked)
    expect(await devbot(stack, 'tasks')).toMatchObject({ said: expect.stringMatching(/^everything is paused by /) })
    expect(await devbot(stack, 'resume', '--all')).toMatchObject({ exitCode: 0 })
    const task = await world.settled('steady.md', 'in-review')
    await world.settled('later.md', 'in-review')
    expect(await world.commits(task.branch)).toHaveLength(1)
    expect((await world.pulls()).filter(({ head }) => head.ref === task.branch)).toHaveLength(1)
    expect((await stack.ledger.details(task.id))?.runs).toHaveLength(1)
  })

  it('retry what was given up: the next run goes on from the work that was kept on the branch', async () => {
    await world.writePlan('kept.md', plan('Kept', 'kept', 'max_turns: 4\n'))
    const { id, branch } = await world.settled('kept.md', 'given-up')
    const [kept] = await world.commits(branch)
    expect(await devbot(stack, 'retry', id)).toMatchObject({ exitCode: 0 })
    await world.settled('kept.md', 'in-review')
    const commits = await world.commits(branch)
    expect(commits).toHaveLength(2)
    expect(commits[1]).toBe(kept)
    expect(await world.nameStatus(branch)).toEqual(['A\tkept.txt', 'A\tmore.txt'])
    expect(await devbot(stack, 'retry', id)).toMatchObject({
      exitCode: 3,
      said: expect.stringMatching(/has not ended/),
    })
  })

  it('freeze a worker: what it owned goes on elsewhere, and it does nothing more when it wakes', async () => {
    const frozen = stack.service('worker')
    const pid = frozen.pid() ?? 0
    await world.writePlan('frozen.md', plan('Frozen', 'steady'))
    await inTurn('frozen.md', 4)
    process.kill(pid, 'SIGSTOP')
    try {
      second = await startService({ name: 'worker', env: stack.env, logFile: join(stack.directory, 'worker-2.log') })
      await world.settled('frozen.md', 'in-review')
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    const { id, branch } = await world.settled('frozen.md', 'in-review')
    const asked = stack.model.requests().length
    const writes = () => stack.github.requests().filter(({ method }) => method !== 'GET').length
    const written = writes()
    const events = (await stack.ledger.events(id)).length
    await sleep(3_000)
    expect(stack.model.requests()).toHaveLength(asked)
    expect(writes()).toBe(written)
    expect(await stack.ledger.events(id)).toHaveLength(events)
    expect(await world.commits(branch)).toHaveLength(1)
    expect((await world.pulls()).filter(({ head }) => head.ref === branch)).toHaveLength(1)
    await waitFor('the frozen worker’s sandbox to be gone', async () => sandboxes().length === 0)
  })
})
