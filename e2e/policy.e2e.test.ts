import { type Stack, startStack } from '@devbot/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { worldOf } from './src/world.ts'

const write = (path: string, content: string) => ({ calls: [{ tool: 'write', input: { path, content } }] })
const finish = (title: string, answers: object = {}) => ({
  calls: [{ tool: 'finish', input: { title, summary: `${title}, as asked.`, ...answers } }],
})

/** An agent that tries to change the rules it works by, and what else is protected, beside what it was asked to do. */
const TRAJECTORIES = [
  {
    name: 'first',
    match: ['replay: policy', 'Protected; changes there are not taken over'],
    run: 'implement',
    turns: [
      write('.devbot.yml', 'test: "true"\n'),
      write('.github/workflows/ci.yml', 'on: push\n'),
      { calls: [{ tool: 'shell', input: { command: 'git mv Dockerfile Dockerfile.old && chmod +x LICENSE' } }] },
      write('asked.txt', 'asked for\n'),
      finish('Do what was asked'),
    ],
  },
  {
    name: 'round',
    match: 'replay: policy',
    run: 'revise',
    captures: { item: { pattern: 'BEGIN feedback (\\S+?):' } },
    turns: [
      write('more.txt', 'more\n'),
      finish('Do more', { feedback: [{ item: '{{item.0}}', decision: 'done', reply: 'Done.' }] }),
    ],
  },
]

const POLICY = `test: node --version
branch_prefix: agent/team/
self_review: false
paths:
  protected: [Dockerfile, license]
`

/** About 25 s: one stack, one run that is held, one that delivers, one round. */
describe('the policy of a repository', () => {
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

  it('holds a task before any paid call when it is not valid, and says on which line what would be right', async () => {
    await world.pushCommit('main', '.devbot.yml', POLICY.replace('protected', 'protcted'), 'Add a policy')
    await world.writePlan('policy.md', '# Policy\n\nreplay: policy\n')
    const task = await world.settled('policy.md', 'held')
    expect(task.statusReason).toMatch(
      /^policy-invalid: \.devbot\.yml on main is not valid: line 5, paths\.protcted: .*misspelt `protected`/,
    )
    expect(stack.model.requests()).toHaveLength(0)
    expect(await world.report('policy.md')).toContain('paths.protcted')
  })

  it('is gone by once it was mended: test command, branch prefix, protected paths', async () => {
    await world.pushCommit('main', '.devbot.yml', POLICY, 'Mend the policy')
    const held = await world.taskOf('policy.md')
    if (held === undefined) throw new Error('the held task is gone')
    await stack.ledger.addToInbox(held.id, { kind: 'start-requested', id: 'start-policy' })
    const task = await world.settled('policy.md', 'in-review')
    expect(task.id).toBe(held.id)
    expect(task.branch).toMatch(/^agent\/team\/policy-\d{10}$/)
    expect(await world.nameStatus(task.branch)).toEqual(['A\tDockerfile.old', 'A\tasked.txt'])
    expect(await world.show(task.branch, '.devbot.yml')).toBe(POLICY)
    const report = await world.report('policy.md')
    for (const path of ['.devbot.yml', '.github/workflows/ci.yml', 'Dockerfile', 'LICENSE']) {
      expect(report.split('### Not taken over')[1]).toContain(`\`${path}\`: it is protected`)
    }
    expect(report).toContain('.devbot.yml says so')
    expect(task.pullRequest?.draft).toBe(false)
  })

  it('has no effect in a pull request that changes it, until that is merged', async () => {
    const { branch, pullRequest } = await world.settled('policy.md', 'in-review')
    await world.pushCommit(
      branch,
      '.devbot.yml',
      'test: "false"\nlimits: { max_rounds: 1 }\nnonsense: 1\n',
      'Try another',
    )
    await world.requestChanges('reviewer', pullRequest?.number ?? 0, 'More, please.')
    const task = await world.roundDone('policy.md', 1)
    const runs = (await stack.ledger.details(task.id))?.runs ?? []
    expect(runs.at(-1)?.verification).toMatchObject({ command: 'node --version', exitCode: 0 })
    expect(await world.nameStatus(branch)).toContain('A\tmore.txt')
    expect(stack.model.violations()).toEqual([])
  })
})
