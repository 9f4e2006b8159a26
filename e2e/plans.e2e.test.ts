import { readdir } from 'node:fs/promises'
import { type Stack, startStack, waitFor } from '@devbot/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { repository, worldOf } from './src/world.ts'

/** For plans whose tests are not what is looked at: the sample's own suite takes seconds. */
const QUICK = '---\ntest: node --version\n---\n'

describe('plans of every kind, on a repository whose default branch is not main', () => {
  let stack: Stack
  let world: ReturnType<typeof worldOf>

  beforeAll(async () => {
    stack = await startStack({ sandbox: 'process', defaultBranch: 'trunk', plans: ['hello.md'] })
    world = worldOf(stack)
  })
  afterAll(() => stack?.stop())

  it('takes up a plan that was there before the start: one branch with exactly one new file', async () => {
    const task = await world.settled('hello.md', 'in-review')
    expect(task.branch).toMatch(/^agent\/hello-\d{10}$/)
    expect(await world.nameStatus(task.branch)).toEqual(['A\thello.txt'])
    expect((await world.show(task.branch, 'hello.txt')).trim()).toBe('world')
    expect((await world.pulls()).filter((pull) => pull.head.ref === task.branch)).toMatchObject([
      { base: { ref: 'trunk' }, state: 'open' },
    ])
  })

  it('makes one pull request of a plan that is saved five times', async () => {
    for (let save = 0; save < 5; save++) await stack.dropPlan('261122__PLAN__smaller-image.md')
    const task = await world.settled('261122__PLAN__smaller-image.md', 'in-review')
    await stack.dropPlan('261122__PLAN__smaller-image.md')
    expect(await world.nameStatus(task.branch)).toContain('M\tDockerfile')
    expect(
      (await world.pulls()).filter((pull) => pull.head.ref.startsWith('agent/261122-plan-smaller-image')),
    ).toHaveLength(1)
  })

  it('gives the seed’s kind of plan a draft pull request and a report named after it', async () => {
    await stack.dropPlan('261120__PLAN__duration-ranges.md')
    const task = await world.settled('261120__PLAN__duration-ranges.md', 'in-review')
    expect(task).toMatchObject({ priority: 'high', pullRequest: { draft: true } })
    expect(await readdir(stack.plansDirectory)).toContain('261120__REPORT__duration-ranges.md')
    const { data: pull } = await world
      .as('reviewer')
      .pulls.get({ ...repository, pull_number: task.pullRequest?.number ?? 0 })
    expect(pull.draft).toBe(true)
  })

  it('ends a plan that needs no change without a branch or a pull request, with a reason', async () => {
    await stack.dropPlan('261122__PLAN__iso-weeks.md')
    const task = await world.settled('261122__PLAN__iso-weeks.md', 'no-change')
    expect([...(await world.branches()).keys()]).not.toContain(task.branch)
    expect(task.statusReason?.length).toBeGreaterThan(20)
    expect(await world.report('261122__PLAN__iso-weeks.md')).toMatch(/^status: no-change$/m)
  })

  it('works on two plans of one repository at once', async () => {
    await world.writePlan('left.md', `${QUICK}# Left\n\nreplay: slow, please (left)\n`)
    await world.writePlan('right.md', `${QUICK}# Right\n\nreplay: slow, please (right)\n`)
    await waitFor(
      'both to be under way',
      async () =>
        (await stack.ledger.listTasks(10)).filter(
          ({ task, progress }) =>
            /^(left|right)\.md$/.test(task.planPath) && (progress?.turn ?? 0) >= 1 && progress?.stage === 'agent',
        ).length === 2,
    )
    const [left, right] = [await world.settled('left.md', 'in-review'), await world.settled('right.md', 'in-review')]
    expect(left.branch).not.toBe(right.branch)
    expect(left.pullRequest?.number).not.toBe(right.pullRequest?.number)
  })

  it('opens a draft that says so when the tests stay red, though the agent says they pass', async () => {
    await world.writePlan('red.md', '---\ntest: npm test\n---\n# Red\n\nreplay: red\n')
    const task = await world.settled('red.md', 'in-review')
    expect(task.pullRequest?.draft).toBe(true)
    const { data: pull } = await world
      .as('reviewer')
      .pulls.get({ ...repository, pull_number: task.pullRequest?.number ?? 0 })
    expect(pull.body).toMatch(/\*\*(red|still red): /)
    const notes = (await world.report('red.md')).split('## Testing Notes')[1] ?? ''
    expect(notes).toMatch(
      /- After the change: failed[\s\S]*\| failed before, fail now \| 1 \|[\s\S]*_The agent wrote:_\n\n> All green\./,
    )
    expect(notes.split('_The agent wrote:_')[0]).not.toContain('All green')
  })

  it('reports a rename, a delete, a binary and a non-ASCII file as git’s name-status says', async () => {
    await world.writePlan('files.md', `${QUICK}# Files\n\nreplay: rename-delete-binary\n`)
    const task = await world.settled('files.md', 'in-review')
    const changes = await world.nameStatus(task.branch)
    expect(changes.map((line) => line.replace(/^R\d+/, 'R')).sort()).toEqual([
      'A\tdocs/logo.png',
      'A\tdocs/Überblick – часы.md',
      'D\tLICENSE',
      'M\tsrc/cli.ts',
      'R\ttest/calculate.test.ts\ttest/arithmetic.test.ts',
    ])
    const report = await world.report('files.md')
    const section = (name: string) => report.split(`### ${name}`)[1]?.split('\n#')[0] ?? ''
    expect(section('Created')).toContain('`docs/logo.png` (binary)')
    expect(section('Created')).toContain('`docs/Überblick – часы.md`')
    expect(section('Modified')).toContain('`test/arithmetic.test.ts` (renamed from `test/calculate.test.ts`)')
    expect(section('Deleted')).toContain('`LICENSE`')
    expect(report).toMatch(/^files_created: 2\nfiles_modified: 2\nfiles_deleted: 1$/m)
  })

  it('stops an agent that goes in circles and keeps what it did', async () => {
    await world.writePlan('loop.md', `${QUICK}# Loop\n\nreplay: loop\n`)
    const task = await world.settled('loop.md', 'given-up')
    expect(task.statusReason).toMatch(/went in circles/)
    expect(await world.report('loop.md')).toMatch(/^status: given-up$/m)
  })

  it('rejects a bad plan beside it, and takes it up once it is mended', async () => {
    await world.writePlan('bad.md', '---\npriorty: high\n---\n# Bad\n\nreplay: red\n')
    await waitFor('the rejection', async () => (await readdir(stack.plansDirectory)).includes('bad.rejected.md'))
    expect(await world.taskOf('bad.md')).toBeUndefined()
    await world.writePlan('bad.md', '---\nstatus: hold\n---\n# Bad\n\nnothing yet\n')
    await waitFor('the rejection to go', async () => !(await readdir(stack.plansDirectory)).includes('bad.rejected.md'))
  })

  it('sent the model nothing it would refuse', () => {
    expect(stack.model.violations()).toEqual([])
  })
})
