import type { Task } from '@devbot/contracts'
import { type Stack, startStack } from '@devbot/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { worldOf } from './src/world.ts'

/** Held with its report written; the push that was announced stays announced. */
const isHeld = (task: Task) => task.status === 'held' && !task.reportDue
const plan = (name: string) => `---\ntest: node --version\n---\n# ${name}\n\nreplay: rename-delete-binary (${name})\n`

describe('a model, a GitHub and a git that fail once', () => {
  let stack: Stack
  let world: ReturnType<typeof worldOf>

  beforeAll(async () => {
    stack = await startStack({ sandbox: 'process' })
    world = worldOf(stack)
  })
  afterAll(() => stack?.stop())

  async function deliversOnce(name: string): Promise<void> {
    await world.writePlan(`${name}.md`, plan(name))
    const task = await world.settled(`${name}.md`, 'in-review', 120_000)
    expect(await world.commits(task.branch)).toHaveLength(1)
    expect((await world.pulls()).filter((pull) => pull.head.ref === task.branch)).toHaveLength(1)
  }

  it.each([
    ['an overloaded model', { status: 529, times: 1 }],
    ['a model that breaks off in the middle of a reply', { cut: true, times: 1 }],
    ['a rate limit that names its wait', { status: 429, retryAfterSeconds: 1, times: 1 }],
    ['a slow model', { delayMs: 2_000, times: 1 }],
  ] as const)('gets over %s', async (what, fault) => {
    stack.model.orderFault(fault)
    await deliversOnce(what.replace(/\W+/g, '-'))
  })

  it.each([
    [
      'GitHub answers 502 to the first question',
      { method: 'GET', pathPattern: '/pulls$' },
      { action: 'status', status: 502 },
    ],
    [
      'the answer to creating the pull request is lost',
      { method: 'POST', pathPattern: '/pulls$' },
      { action: 'lose-answer' },
    ],
    ['the fetch is reset', { method: 'POST', pathPattern: '/git-upload-pack$' }, { action: 'reset' }],
    ['git answers 503 once', { method: 'GET', pathPattern: '/info/refs$' }, { action: 'status', status: 503 }],
    [
      'the push is reset before it is taken',
      { method: 'POST', pathPattern: '/git-receive-pack$' },
      { action: 'reset' },
    ],
    [
      'the answer to the push is lost',
      { method: 'POST', pathPattern: '/git-receive-pack$' },
      { action: 'lose-answer' },
    ],
    ['git is slow', { method: 'POST', pathPattern: '/git-' }, { action: 'delay', delayMs: 2_000 }],
  ] as const)('delivers exactly once when %s', async (what, match, fault) => {
    stack.github.addFault({ match, ...fault })
    await deliversOnce(what.replace(/\W+/g, '-'))
    stack.github.clearFaults()
  })

  it('waits for a person, and says what to do, when GitHub refuses the credentials', async () => {
    stack.github.addFault({
      match: { pathPattern: '^/api/v3/repos/[^/]+/[^/]+/pulls' },
      action: 'status',
      status: 403,
      times: 50,
    })
    await world.writePlan('refused.md', plan('refused'))
    const task = await world.until('refused.md', 'to be held', isHeld)
    expect(task.statusReason).toMatch(/403|permission|grant/i)
    expect(await world.report('refused.md')).toContain(`devbot start ${task.id}`)
    stack.github.clearFaults()
  })

  it('goes on from where it was once the person says start', async () => {
    const held = await world.until('refused.md', 'to be held', isHeld)
    const runs = (await stack.ledger.details(held.id))?.runs.length
    await stack.ledger.addToInbox(held.id, { kind: 'start-requested', id: 'start-1' })
    const task = await world.settled('refused.md', 'in-review', 120_000)
    expect((await stack.ledger.details(task.id))?.runs.length).toBe(runs)
    expect((await world.pulls()).filter((pull) => pull.head.ref === task.branch)).toHaveLength(1)
  })
})
