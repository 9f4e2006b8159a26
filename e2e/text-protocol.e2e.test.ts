import { readFile } from 'node:fs/promises'
import { type Stack, startStack } from '@devbot/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { repository, worldOf } from './src/world.ts'

const PLAN = 'greeting.md'
const HEADERS = { name: 'X-Gateway-Key', value: 'gateway-secret-of-the-text-test' }
const call = (tool: string, input: Record<string, unknown>) => [{ tool, input }]
const REVIEW_ID = '\\d+-review-\\d+-[0-9a-f]{8}'

const trajectories = [
  {
    name: 'greeting-implement',
    match: 'A greeting',
    run: 'implement' as const,
    turns: [
      { calls: call('list', { path: '.' }) },
      { thinking: 'A file.', expect: 'README\\.md', calls: call('read', { path: 'README.md' }) },
      { calls: call('write', { path: 'greeting.txt', content: 'Hello\n>>>>\n' }) },
      { expect: 'Wrote 11 bytes', text: 'RUN cat greeting.txt\nRUN rm greeting.txt' },
      {
        expect: 'Hello\n>>>>.*first command of your reply',
        calls: call('finish', { title: 'Add a greeting', summary: 'There is a greeting now.' }),
      },
    ],
  },
  {
    name: 'greeting-revise',
    match: 'A greeting',
    run: 'revise' as const,
    captures: { review: { pattern: REVIEW_ID, exactly: 1 } },
    turns: [
      { thinking: 'One word.', calls: call('read', { path: 'greeting.txt' }) },
      { calls: call('write', { path: 'greeting.txt', content: 'Good day\n' }) },
      {
        calls: call('finish', {
          title: 'Greet politely',
          summary: 'The greeting is polite.',
          feedback: [{ item: '{{review}}', decision: 'done', reply: 'It says Good day now.' }],
        }),
      },
    ],
  },
]

// 20 s. The loop's story once in the other protocol, with a second model that takes over in the middle of a run.
describe('the loop with a model that has no tool use', () => {
  let stack: Stack
  let world: ReturnType<typeof worldOf>

  beforeAll(async () => {
    stack = await startStack({
      sandbox: 'process',
      trajectories,
      env: {
        DEVBOT_PROTOCOL: 'text',
        MODELS_ALLOWED: 'claude-sonnet-5-5,claude-haiku-5-5',
        DEVBOT_FALLBACK_MODEL: 'claude-haiku-5-5',
        ANTHROPIC_CUSTOM_HEADERS: `${HEADERS.name}: ${HEADERS.value}`,
      },
    })
    world = worldOf(stack)
    await world.writePlan(PLAN, '---\ntest: test -s greeting.txt\n---\n# A greeting\n\nAdd greeting.txt.\n')
  })
  afterAll(() => stack?.stop())

  it('opens a pull request with exactly the file that was written', async () => {
    const task = await world.settled(PLAN, 'in-review')
    expect(await world.nameStatus(task.branch)).toEqual(['A\tgreeting.txt'])
    expect(await world.show(task.branch, 'greeting.txt')).toBe('Hello\n>>>>\n')
    const report = await world.report(PLAN)
    expect(report).toContain('There is a greeting now.')
  })

  it('works off a review, the second model going on where the first one cannot be had', async () => {
    const { pullRequest, branch } = await world.settled(PLAN, 'in-review')
    // Asked to stay away for longer than a call waits: the first model is given up for the run at once.
    stack.model.orderFault({ status: 429, retryAfterSeconds: 120, model: 'claude-sonnet-5-5', times: 1 })
    await world.requestChanges('reviewer', pullRequest?.number ?? 0, 'Please be polite.')
    await world.roundDone(PLAN, 1)

    expect(await world.show(branch, 'greeting.txt')).toBe('Good day\n')
    const issue_number = pullRequest?.number ?? 0
    const { data } = await world.as('reviewer').issues.listComments({ ...repository, issue_number })
    expect(data.map(({ body }) => body).join('\n')).toContain('It says Good day now.')
    const report = await world.report(PLAN)
    expect(report).toContain('claude-sonnet-5-5 could not be had (model-rate-limited)')
    const asked = stack.model.requests().filter(({ trajectory }) => trajectory === 'greeting-revise')
    expect(asked.map(({ model, fault }) => `${model} ${fault ?? ''}`.trim())).toEqual([
      'claude-sonnet-5-5 status 429',
      'claude-haiku-5-5',
      'claude-haiku-5-5',
      'claude-haiku-5-5',
    ])
  })

  it('sent no tools, nothing the model would refuse, and no secret into a log', async () => {
    expect(stack.model.violations()).toEqual([])
    expect(stack.model.requests().flatMap(({ tools }) => tools)).toEqual([])
    const logs = await Promise.all(stack.logFiles.map((file) => readFile(file, 'utf8')))
    expect(logs.join('').length).toBeGreaterThan(0)
    expect(logs.some((log) => log.includes(HEADERS.value))).toBe(false)
  })
})
