import { type Stack, startStack, waitFor } from '@devbot/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { repository, worldOf } from './src/world.ts'

const write = (path: string, content: string) => ({ calls: [{ tool: 'write', input: { path, content } }] })
const finish = (title: string, answers: object = {}) => ({
  calls: [{ tool: 'finish', input: { title, summary: `${title}, as the plan asks.`, ...answers } }],
})
const wait = { delayMs: 500, calls: [{ tool: 'shell', input: { command: 'date +%N' } }] }

const TRAJECTORIES = [
  {
    name: 'edited',
    match: ['The plan was edited since the last run', 'replay: edit'],
    turns: [write('second.txt', 'second\n'), finish('Add the second file', { feedback: [] })],
  },
  {
    name: 'first',
    match: ['replay: edit', '/first file only/'],
    turns: [write('first.txt', 'first\n'), finish('Add the first file')],
  },
  {
    name: 'long',
    match: 'replay: long',
    turns: [write('part.txt', 'part\n'), ...Array.from({ length: 30 }, () => wait), finish('Wait long')],
  },
  {
    name: 'dear',
    match: 'replay: dear',
    // Some 1,500 tokens of words with each call: about a cent and a half.
    turns: Array.from({ length: 30 }, (_, turn) => ({
      ...write('part.txt', `part ${turn}\n`),
      text: `I think aloud, for the ${turn}th time. `.repeat(150),
    })),
  },
  {
    name: 'silent',
    match: 'replay: silent',
    run: 'revise',
    // Another claim each time, or the agent would be stopped for going in circles.
    turns: [
      write('broken.txt', 'broken\n'),
      // Back three times for the red tests, three times for the missing answer, and then taken.
      ...Array.from({ length: 7 }, (_, index) => finish(`Break it, claim ${index + 1}`, { feedback: [] })),
    ],
  },
  {
    name: 'good',
    match: 'replay: silent',
    run: 'implement',
    turns: [write('good.txt', 'good\n'), finish('Add a good file')],
  },
] as const

const plan = (title: string, keys: string, body: string) =>
  `---\ntitle: ${title}\ntest: node --version\n${keys}---\n# ${title}\n\n${body}\n`

describe('people who steer, and ceilings that hold', () => {
  let stack: Stack
  let world: ReturnType<typeof worldOf>

  beforeAll(async () => {
    stack = await startStack({
      sandbox: 'process',
      trajectories: structuredClone(TRAJECTORIES) as never,
      env: { RECONCILE_SECONDS: '2' },
    })
    world = worldOf(stack)
  })
  afterAll(() => stack?.stop())

  const underWay = (planPath: string, turn: number) =>
    waitFor(`${planPath} to be in turn ${turn}`, async () =>
      (await stack.ledger.listTasks(50)).some(
        ({ task, progress }) => task.planPath === planPath && (progress?.turn ?? 0) >= turn,
      ),
    )

  it('brings the branch in line with a plan that is edited while its pull request is open', async () => {
    await world.writePlan('edit.md', plan('Edit', '', 'replay: edit, the first file only'))
    const first = await world.settled('edit.md', 'in-review')
    await world.writePlan('edit.md', plan('Edit', '', 'replay: edit, the first file and a second one'))
    const second = await world.roundDone('edit.md', 1)
    expect(second.id).toBe(first.id)
    expect(await world.nameStatus(first.branch)).toEqual(['A\tfirst.txt', 'A\tsecond.txt'])
    expect((await world.pulls()).filter((pull) => pull.head.ref === first.branch)).toHaveLength(1)
  })

  it('stops for good when the plan’s status becomes cancelled in the middle of a run', async () => {
    await world.writePlan('cancel.md', plan('Cancel', '', 'replay: long'))
    await underWay('cancel.md', 3)
    await world.writePlan('cancel.md', plan('Cancel', 'status: cancelled\n', 'replay: long'))
    const task = await world.settled('cancel.md', 'cancelled')
    const asked = stack.model.requests().length
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect(stack.model.requests()).toHaveLength(asked)
    expect([...(await world.branches()).keys()]).not.toContain(task.branch)
    expect((await world.pulls()).filter((pull) => pull.head.ref === task.branch)).toEqual([])
  })

  it('ends at the plan’s limit on turns, keeps the work on the branch and opens no pull request', async () => {
    await world.writePlan('turns.md', plan('Turns', 'max_turns: 4\n', 'replay: long'))
    const task = await world.settled('turns.md', 'given-up')
    expect(task.statusReason).toMatch(/limit on turns/)
    expect((await stack.ledger.details(task.id))?.runs.map((run) => run.turns)).toEqual([4])
    expect(await world.nameStatus(task.branch)).toEqual(['A\tpart.txt'])
    expect((await world.pulls()).filter((pull) => pull.head.ref === task.branch)).toEqual([])
    expect(await world.report('turns.md')).toMatch(/not verified/)
  })

  it('stays below the plan’s budget, and keeps the work', async () => {
    await world.writePlan('money.md', plan('Money', 'budget_usd: 0.12\n', 'replay: dear'))
    const task = await world.settled('money.md', 'given-up')
    expect(task.statusReason).toMatch(/limit on cost .* the next call may cost more than is left/)
    expect(task.turns).toBeGreaterThan(1)
    expect(task.costMicroUsd).toBeGreaterThan(50_000)
    expect(task.costMicroUsd).toBeLessThanOrEqual(120_000)
    expect(await world.nameStatus(task.branch)).toEqual(['A\tpart.txt'])
  })

  it('ends at the plan’s limit on minutes, with the work kept', async () => {
    await world.writePlan('minutes.md', plan('Minutes', 'max_minutes: 0.1\n', 'replay: long'))
    const task = await world.settled('minutes.md', 'given-up')
    expect(task.statusReason).toMatch(/limit on minutes/)
    expect(await world.nameStatus(task.branch)).toEqual(['A\tpart.txt'])
  })

  it('holds a plan that asks for approval until a person starts it', async () => {
    await world.writePlan('approve.md', plan('Approve', 'approval: required\n', 'replay: edit, the first file only'))
    const held = await world.until('approve.md', 'to be held', (task) => task.status === 'held')
    await stack.ledger.addToInbox(held.id, { kind: 'start-requested', id: 'start-approve' })
    await world.settled('approve.md', 'in-review')
  })

  it('takes no tree that was not tested, however often the agent leaves a reviewer unanswered', async () => {
    const text = plan('Silent', '', 'replay: silent').replace('test: node --version', 'test: test ! -e broken.txt')
    await world.writePlan('silent.md', text)
    const { id, pullRequest, branch } = await world.settled('silent.md', 'in-review')
    await world.requestChanges('reviewer', pullRequest?.number ?? 0, 'Please explain it.')
    await world.roundDone('silent.md', 1)
    const details = await stack.ledger.details(id)
    const round = details?.runs.at(-1)
    expect(round?.verification).toMatchObject({ exitCode: 1, treeId: round?.treeId })
    expect(details?.feedback[0]).toMatchObject({ decision: 'declined', replyPosted: true })
    expect(await world.nameStatus(branch)).toContain('A\tbroken.txt')
    expect(await world.report('silent.md')).toMatch(/- Tests: red/)
  })

  it('does not undo a person’s close: the task ends, and an edited plan starts a task of its own', async () => {
    const { pullRequest, id } = await world.settled('edit.md', 'in-review')
    await world.as('reviewer').pulls.update({ ...repository, pull_number: pullRequest?.number ?? 0, state: 'closed' })
    await world.settled('edit.md', 'closed')
    await world.writePlan('edit.md', plan('Edit again', '', 'replay: edit, the first file only, once more'))
    const next = await world.until(
      'edit.md',
      'to be a new task in review',
      (task) => task.id !== id && task.status === 'in-review',
    )
    expect(next.generation).toBe(2)
    expect(next.pullRequest?.number).not.toBe(pullRequest?.number)
  })

  it('sent the model nothing it would refuse', () => {
    expect(stack.model.violations()).toEqual([])
  })
})
