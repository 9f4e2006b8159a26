import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Stack, startStack, waitFor } from '@devbot/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from './src/compose-project.ts'
import { newConnection, sendUntilTaken, startWebhookRecorder } from './src/webhook-recorder.ts'
import { repository, worldOf } from './src/world.ts'

/** Trickling takes a tenth of the time in which people comment, and the settling time with it. */
const [TRICKLE_MS, SETTLE_SECONDS] = process.env.DEVBOT_E2E_REAL_TIME === '1' ? [40_000, 8] : [5_000, 1]
const LINES = [1, 2, 3, 4, 5, 6, 7, 8]

describe('many plans at once', () => {
  const PLANS = 200
  let stack: Stack
  let world: ReturnType<typeof worldOf>

  beforeAll(async () => {
    stack = await startStack({ sandbox: 'process', without: ['worker', 'webhook-ingress'], webhooks: false })
    world = worldOf(stack)
  })
  afterAll(() => stack?.stop())

  const drop = (number: number, save = 0) =>
    world.writePlan(`plan-${number}.md`, `# Plan ${number}\n\n${'Do it.\n'.repeat(save + 1)}`)
  const memoryMb = async () =>
    Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${stack.service('watcher').pid()}/status`, 'utf8'))?.[1]) / 1024

  it('become one task each, also those saved five times and with the watcher killed among them', async () => {
    const before = await memoryMb()
    const numbers = Array.from({ length: PLANS }, (_, index) => index)
    await Promise.all(numbers.map((number) => drop(number)))
    const killed = waitFor('some plans to be accepted', async () => (await world.tasks()).length > PLANS / 8, {
      everyMs: 5,
    }).then(() => stack.service('watcher').kill())
    const saved = numbers.filter((number) => number % 5 === 0)
    for (const save of [1, 2, 3, 4]) await Promise.all(saved.map((number) => drop(number, save)))
    await killed
    expect((await world.tasks()).length).toBeLessThan(PLANS)
    await stack.service('watcher').start()
    await waitFor('all plans to be tasks', async () => (await world.tasks()).length >= PLANS)
    // What the newest plan says is in the ledger when the watcher has seen all that came before.
    await world.writePlan('last.md', '# Last\n\nDo it.\n')
    await waitFor('the last plan to be a task', () => world.taskOf('last.md'))
    const paths = (await world.tasks()).map(({ planPath }) => planPath)
    expect(paths.toSorted()).toEqual(['last.md', ...numbers.map((number) => `plan-${number}.md`)].toSorted())
    expect((await memoryMb()) - before).toBeLessThan(60)
  })
})

const finish = (title: string, answers: object = {}) => ({
  calls: [{ tool: 'finish', input: { title, summary: `${title}, as asked.`, ...answers } }],
})
const write = (content: string) => ({ calls: [{ tool: 'write', input: { path: 'lines.txt', content } }] })
const answer = (item: string) => ({ item, decision: 'done', reply: 'Done.' })
const capture = (kind: string, exactly: number) => ({
  pattern: `\\b\\d+-${kind}-\\d+-[0-9a-f]{8}\\b`,
  exactly,
})
const inlineAnswers = LINES.map((_, index) => answer(`{{inline.${index}}}`))
const TRAJECTORIES = [
  {
    name: 'first',
    match: 'replay: burst',
    run: 'implement' as const,
    turns: [write(LINES.map((line) => `line ${line}\n`).join('')), finish('Add eight lines')],
  },
  {
    name: 'hundred',
    match: ['replay: burst', 'a hundred times'],
    run: 'revise' as const,
    captures: { review: capture('review', 1) },
    turns: [
      write(LINES.map((line) => `Line ${line}\n`).join('')),
      finish('Shout', { feedback: [answer('{{review}}')] }),
    ],
  },
  {
    name: 'slow-review',
    match: ['replay: burst', 'a slow review'],
    run: 'revise' as const,
    captures: { review: capture('review', 1), inline: capture('inline-comment', 8) },
    turns: [
      write(LINES.map((line) => `LINE ${line}\n`).join('')),
      finish('Shout louder', { feedback: [answer('{{review}}'), ...inlineAnswers] }),
    ],
  },
  {
    name: 'one-by-one',
    match: ['replay: burst', 'one by one 8'],
    run: 'revise' as const,
    captures: { inline: capture('inline-comment', 8) },
    turns: [
      write(LINES.map((line) => `LINE ${line}!\n`).join('')),
      finish('Shout at the end', { feedback: inlineAnswers }),
    ],
  },
]

/** About 35 s: one stack, one run, three rounds. The reconciler does not look meanwhile: deliveries alone are the news. */
describe('feedback that comes often, or slowly', () => {
  const parts = new AsyncDisposableStack()
  let stack: Stack
  let world: ReturnType<typeof worldOf>
  let recorder: Awaited<ReturnType<typeof startWebhookRecorder>>
  let pull_number: number

  beforeAll(async () => {
    recorder = await startWebhookRecorder()
    parts.defer(() => recorder.close())
    stack = parts.use(
      await startStack({
        sandbox: 'process',
        webhooks: false,
        trajectories: TRAJECTORIES,
        env: { PORT: String(await freePort()), SETTLE_SECONDS: String(SETTLE_SECONDS), RECONCILE_SECONDS: '3600' },
      }),
    )
    stack.github.setWebhook({ url: recorder.url, secret: stack.webhookSecret })
    world = worldOf(stack)
    await world.writePlan('burst.md', '---\ntest: node --version\n---\n# Burst\n\nreplay: burst\n')
    pull_number = (await world.settled('burst.md', 'in-review')).pullRequest?.number ?? 0
  })
  afterAll(() => parts.disposeAsync())

  /** The task waits for the next look and nothing else: all that was delivered is worked off. */
  async function rested() {
    const { id } = await world.settled('burst.md', 'in-review')
    const details = () => stack.ledger.details(id)
    return await waitFor(
      'the task to rest',
      async () => {
        const found = await details()
        const isResting = found?.due?.reason === 'reconcile' && found.task.publication === undefined
        return isResting && !found.task.reportDue ? found.task : undefined
      },
      { otherwise: details },
    )
  }
  const commentsOf = async (login: string) =>
    (await world.as('reviewer').pulls.listReviewComments({ ...repository, pull_number, per_page: 100 })).data.filter(
      ({ user }) => user.login === login,
    )

  it('is one round when the same review is delivered a hundred times over ten connections, with ingress restarts', async () => {
    await world.requestChanges('reviewer', pull_number, 'Say it a hundred times louder.')
    const [delivery] = await recorder.take(1, ['pull_request_review'])
    if (delivery === undefined) throw new Error('no delivery')
    const url = stack.webhookUrl()
    const words: string[] = []
    const connections = Array.from({ length: 10 }, async (_, connection) => {
      const agent = newConnection()
      for (let count = 0; count < 10; count += 1)
        words.push(await sendUntilTaken(url, delivery, { agent, underNewId: (connection + count) % 2 === 0 }))
      agent.destroy()
    })
    for (const answered of [15, 60]) {
      await waitFor(`${answered} answers`, async () => words.length >= answered, { everyMs: 2 })
      await stack.service('webhook-ingress').kill()
      await stack.service('webhook-ingress').start()
    }
    await Promise.all(connections)
    expect(words).toHaveLength(100)
    await world.roundDone('burst.md', 1)
    for (let count = 0; count < 3; count += 1) await sendUntilTaken(url, delivery)
    expect(await rested()).toMatchObject({ rounds: 1 })
    const { data } = await world.as('reviewer').issues.listComments({ ...repository, issue_number: pull_number })
    expect(data.filter(({ user }) => user?.login === 'devbot')).toHaveLength(1)
  })

  it('is one round with eight answers when the parts of a review arrive one after the other', async () => {
    const comments = LINES.map((line) => ({ path: 'lines.txt', line, body: `Louder in line ${line}.` }))
    await world.requestChanges('reviewer', pull_number, 'This is a slow review.', comments)
    const deliveries = await recorder.take(9, ['pull_request_review', 'pull_request_review_comment'])
    expect(deliveries).toHaveLength(9)
    for (const delivery of deliveries) {
      await sendUntilTaken(stack.webhookUrl(), delivery)
      await sleep(TRICKLE_MS / deliveries.length)
    }
    await world.roundDone('burst.md', 2)
    expect(await rested()).toMatchObject({ rounds: 2 })
    expect(await commentsOf('devbot')).toHaveLength(8)
  })

  it('is one round with eight answers when somebody comments on one line after the other', async () => {
    stack.github.setWebhook({ url: stack.webhookUrl(), secret: stack.webhookSecret })
    const { headCommitId = '' } = (await world.taskOf('burst.md')) ?? {}
    for (const line of LINES) {
      const place = { commit_id: headCommitId, path: 'lines.txt', line, body: `And louder still, one by one ${line}.` }
      await world.as('reviewer').pulls.createReviewComment({ ...repository, pull_number, ...place })
      await sleep(TRICKLE_MS / LINES.length)
    }
    await world.roundDone('burst.md', 3)
    expect(await rested()).toMatchObject({ rounds: 3 })
    expect(await commentsOf('devbot')).toHaveLength(16)
    expect(stack.model.violations()).toEqual([])
  })
})
