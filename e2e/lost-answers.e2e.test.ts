import { type Stack, startStack, waitFor } from '@devbot/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { repository, worldOf } from './src/world.ts'

/** GitHub did what it was asked for, its answer got lost, and its listings do not show it yet. */
describe('a lost answer together with a listing that is behind', () => {
  let stack: Stack
  let world: ReturnType<typeof worldOf>

  beforeAll(async () => {
    stack = await startStack({ sandbox: 'process', env: { GITHUB_LISTING_LAG_SECONDS: '10' } })
    world = worldOf(stack)
  })
  afterAll(() => stack?.stop())

  it('makes one pull request', async () => {
    stack.github.addFault({ match: { method: 'POST', pathPattern: '/pulls$' }, action: 'lose-answer' })
    await world.writePlan('small.md', '---\ntest: node --version\n---\n# Small\n\nreplay: small\n')
    await waitFor('the pull request to be there', async () => (await world.pulls()).length === 1)
    stack.github.addFault({ match: { method: 'GET', pathPattern: '/pulls$' }, action: 'stale-list', times: 2 })
    await world.settled('small.md', 'in-review', 120_000)
    stack.github.clearFaults()
    expect(await world.pulls()).toHaveLength(1)
  })

  it('answers each item once', async () => {
    const { pullRequest } = await world.settled('small.md', 'in-review')
    const pull_number = pullRequest?.number ?? 0
    const conversation = async () =>
      (await world.as('reviewer').issues.listComments({ ...repository, issue_number: pull_number })).data
    stack.github.addFault({ match: { method: 'POST', pathPattern: '/issues/\\d+/comments$' }, action: 'lose-answer' })
    await world.requestChanges('reviewer', pull_number, 'Be polite.', [
      { path: 'greeting.txt', line: 1, body: 'Capital letter, please.' },
    ])
    await waitFor('the answer to the review', async () => (await conversation()).length === 1, { timeoutMs: 120_000 })
    stack.github.addFault({ match: { method: 'GET', pathPattern: '/comments$' }, action: 'stale-list', times: 2 })
    const task = await world.roundDone('small.md', 1)
    stack.github.clearFaults()
    expect(await conversation()).toHaveLength(1)
    const rows = (await stack.ledger.details(task.id))?.feedback.filter(({ state }) => state === 'answered') ?? []
    expect(rows.map((row) => row.replyPosted)).toEqual([true, true])
    expect(rows.some((row) => row.replyAttemptedAtMs !== undefined)).toBe(true)
  })
})
