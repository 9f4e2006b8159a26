import { randomUUID } from 'node:crypto'
import { type Stack, startStack, waitFor } from '@devbot/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { worldOf } from './src/world.ts'

const WINDOW_TOKENS = 16_000
const TURNS = 40
/** A command whose output is some 6 KB, another one each turn, and no turn's output is a part of another's. */
const printing = (turn: number) =>
  `for line in $(seq 1 120); do echo "turn ${turn} line $line of a long test output"; done`

/** A run far longer than its model's window, and a day whose money is nearly spent. Process sandboxes: both are the loop's. */
describe('ceilings of a run', () => {
  let stack: Stack
  let world: ReturnType<typeof worldOf>

  beforeAll(async () => {
    stack = await startStack({
      sandbox: 'process',
      env: { CONTEXT_TOKENS: String(WINDOW_TOKENS), MAX_COST_USD_PER_DAY: '5', SELF_REVIEW: 'false' },
      trajectories: [
        {
          name: 'long',
          match: ['replay: long', 'Every word of this plan stays.'],
          turns: [
            ...Array.from({ length: TURNS }, (_, turn) => ({
              thinking: `I think about step ${turn}.`,
              text: `Step ${turn}.`,
              calls: [{ tool: 'shell', input: { command: printing(turn) } }],
              ...(turn === 0 ? {} : { expect: `turn ${turn - 1} line 120 of` }),
            })),
            { calls: [{ tool: 'write', input: { path: 'long.txt', content: 'done\n' } }] },
            { calls: [{ tool: 'finish', input: { title: 'Add long.txt', summary: 'It took a while.' } }] },
          ],
        },
        { name: 'poor', match: 'replay: poor', turns: [{ calls: [{ tool: 'shell', input: { command: 'ls' } }] }] },
      ],
    })
    world = worldOf(stack)
  })
  afterAll(() => stack?.stop())

  it('goes far beyond the window: every request fits into it, is valid, and carries the whole plan', async () => {
    await world.writePlan(
      'long.md',
      '---\ntest: node --version\n---\n# Long\n\nreplay: long\n\nEvery word of this plan stays.\n',
    )
    const task = await world.settled('long.md', 'in-review')
    expect(stack.model.violations()).toEqual([])
    // That a request was answered at all says that plan and turn were found in it.
    const sizes = stack.model.requests().map(({ usage }) => {
      const { input_tokens = 0, cache_read_input_tokens = 0, cache_creation_input_tokens = 0 } = usage ?? {}
      return {
        all: input_tokens + (cache_read_input_tokens ?? 0) + (cache_creation_input_tokens ?? 0),
        read: cache_read_input_tokens ?? 0,
      }
    })
    expect(sizes.length).toBe(TURNS + 2)
    expect(Math.max(...sizes.map(({ all }) => all))).toBeLessThan(WINDOW_TOKENS)

    const events = (await stack.ledger.events(task.id)).map(({ event }) => event)
    const compactions = events.filter((event) => event.kind === 'context-compacted')
    expect(compactions.length).toBeGreaterThan(2)
    expect(compactions.length).toBeLessThan(TURNS / 3)
    for (const { beforeTokens, afterTokens } of compactions) expect(afterTokens).toBeLessThan(beforeTokens * 0.7)
    // Nothing but a compaction breaks the cached prefix: what one request had, the next one reads.
    const broken = sizes.filter(({ read }, index) => index > 0 && read < (sizes[index - 1]?.all ?? 0) * 0.9)
    expect(broken.length).toBeLessThanOrEqual(compactions.length)
  })

  it('puts a task off to the next day when what is left of the day’s money could be too little for one call', async () => {
    const [first] = await stack.ledger.listTasks(1)
    if (first === undefined) throw new Error('expected the task of the test before')
    const left = 10_000
    const cost = 5_000_000 - left - (await stack.ledger.spentToday())
    const owner = await waitFor('the task to be free', async () => {
      const taken = await stack.ledger.take(first.task.id, `test-${randomUUID()}`, 5_000)
      return taken.kind === 'taken' ? taken.ownership : undefined
    })
    const request = { wantedMicroUsd: cost, leastMicroUsd: cost, assumedMicroUsd: 0, ceilingMicroUsd: 5_000_000 }
    await stack.ledger.reserveSpending(owner, { ...request, reservationId: 'test' })
    await stack.ledger.settleSpending(owner, 'test', cost)
    await stack.ledger.release(owner)

    const asked = stack.model.requests().length
    await world.writePlan('poor.md', '---\ntest: node --version\n---\n# Poor\n\nreplay: poor\n')
    const task = await world.until('poor.md', 'to wait', ({ notBeforeMs }) => notBeforeMs !== undefined)
    expect(task).toMatchObject({
      status: 'ready',
      statusReason: expect.stringMatching(/^waiting for the next UTC day: \$4\.99/),
    })
    expect(new Date(task.notBeforeMs ?? 0).toISOString()).toMatch(/T00:00:00\.000Z$/)
    const runs = (await stack.ledger.details(task.id))?.runs ?? []
    expect(runs.at(-1)?.outcome).toMatchObject({ kind: 'limit-reached', limit: 'cost-per-day' })
    expect(stack.model.requests()).toHaveLength(asked)
    expect(await stack.ledger.spentToday()).toBe(5_000_000 - left)
  })
})
