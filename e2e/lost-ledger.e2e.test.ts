import { planHashFor, planOriginFor, pullRequestMarkerFor, taskIdFor } from '@devbot/contracts'
import { REPOSITORY, type Stack, startStack, waitFor, withClone } from '@devbot/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { repository, worldOf } from './src/world.ts'

const SMALL = '---\ntest: node --version\n---\n# Small\n\nreplay: small\n'
const SLOW = '---\ntest: node --version\n---\n# Slow\n\nreplay: slow\n'
const COPIED = '---\ntest: node --version\n---\n# Copied\n\nreplay: rename-delete-binary\n'

/** Without webhooks: what the reconciler does not find again is lost. */
describe('a Redis that loses everything', () => {
  let stack: Stack
  let world: ReturnType<typeof worldOf>

  beforeAll(async () => {
    stack = await startStack({ sandbox: 'process', webhooks: false, env: { RECONCILE_SECONDS: '1' } })
    world = worldOf(stack)
  })
  afterAll(() => stack?.stop())

  /** The watcher looks at the folder twice a minute; started anew, it does so at once. */
  async function loseEverything(): Promise<void> {
    await stack.redis.flush()
    await stack.service('watcher').kill()
    await stack.startService('watcher')
  }

  const pullsOf = async (branch: string) => (await world.pulls()).filter((pull) => pull.head.ref === branch)
  const saidByUs = async (pull_number: number) => {
    const api = world.as('reviewer')
    const [inline, conversation] = await Promise.all([
      api.pulls.listReviewComments({ ...repository, pull_number }),
      api.issues.listComments({ ...repository, issue_number: pull_number }),
    ])
    return [...inline.data, ...conversation.data].filter((comment) => comment.user?.login === 'devbot')
  }

  it('goes on with the open pull request, answers what nobody answered yet, and nothing a second time', async () => {
    await world.writePlan('small.md', SMALL)
    const { branch, pullRequest } = await world.settled('small.md', 'in-review')
    const number = pullRequest?.number ?? 0
    const inline = [{ path: 'greeting.txt', line: 1, body: 'Capital letter, please.' }]
    await world.requestChanges('reviewer', number, 'Be polite.', inline)
    await world.roundDone('small.md', 1)
    expect(await saidByUs(number)).toHaveLength(2)

    await stack.service('worker').kill()
    await world.requestChanges('reviewer', number, 'Once more, politely.', inline)
    await loseEverything()
    await stack.startService('worker')

    const task = await world.roundDone('small.md', 2)
    expect(task).toMatchObject({ branch, pullRequest: { number } })
    expect(await world.pulls()).toHaveLength(1)
    expect(await saidByUs(number)).toHaveLength(4)
    const feedback = (await stack.ledger.details(task.id))?.feedback ?? []
    expect(feedback.filter(({ state }) => state === 'answered')).toHaveLength(4)
  })

  it('makes one pull request of a run that was under way', async () => {
    await world.writePlan('slow.md', SLOW)
    await waitFor(
      'the agent to be in its fifth turn',
      async () =>
        ((await stack.ledger.listTasks(5)).find(({ task }) => task.planPath === 'slow.md')?.progress?.turn ?? 0) >= 5,
    )
    await loseEverything()
    const { branch } = await world.settled('slow.md', 'in-review', 120_000)
    expect((await pullsOf(branch)).map(({ state }) => state)).toEqual(['open'])
    expect((await world.pulls()).map((pull) => pull.head.ref).toSorted()).toEqual(
      [branch, (await world.settled('small.md', 'in-review')).branch].toSorted(),
    )
  })

  it('opens the pull request of a branch whose worker died before it could, and none for a copied marker', async () => {
    const plan = { instance: stack.instance, repository: REPOSITORY, planPath: 'copied.md' }
    const marker = {
      taskId: taskIdFor({ ...plan, generation: 1 }),
      planHash: planHashFor(COPIED),
      origin: planOriginFor(plan),
    }
    await withClone(stack, async (git) => {
      await git('push', '--quiet', 'origin', 'origin/main:refs/heads/agent/copied-1763800000')
    })
    await world.pushCommit('agent/copied-1763800000', 'MINE.md', 'by hand\n', 'By hand')
    const { data: strangers } = await world.as('reviewer').pulls.create({
      ...repository,
      head: 'agent/copied-1763800000',
      base: 'main',
      title: 'A copy',
      body: `${pullRequestMarkerFor(marker)}\n\nLooks like DevBot's.`,
    })
    stack.github.addFault({ match: { method: 'POST', pathPattern: '/pulls$' }, action: 'delay', delayMs: 5_000 })
    await world.writePlan('copied.md', COPIED)
    const before = await world.until('copied.md', 'to have pushed', (task) => task.headCommitId !== undefined)
    await stack.service('worker').kill()
    stack.github.clearFaults()
    await loseEverything()
    await stack.startService('worker')

    const task = await world.settled('copied.md', 'in-review', 120_000)
    expect(task.branch).toBe(before.branch)
    expect(task.pullRequest?.number).not.toBe(strangers.number)
    expect(await pullsOf(before.branch)).toMatchObject([{ state: 'open', user: { login: 'devbot' } }])
    expect(await world.commits(before.branch)).toHaveLength(1)
    expect(await pullsOf('agent/copied-1763800000')).toMatchObject([{ user: { login: 'ada' }, state: 'open' }])
  })

  it('leaves ended what a person closed, and finds by itself that it was reopened', async () => {
    const { pullRequest } = await world.settled('slow.md', 'in-review')
    const where = { ...repository, pull_number: pullRequest?.number ?? 0 }
    await world.as('reviewer').pulls.update({ ...where, state: 'closed' })
    await world.settled('slow.md', 'closed')
    const pulls = (await world.pulls()).length
    await loseEverything()
    await world.settled('small.md', 'in-review')
    // Its report says that exactly this plan came to an end.
    expect(await world.taskOf('slow.md')).toBeUndefined()
    expect(await world.pulls()).toHaveLength(pulls)

    const small = await world.settled('small.md', 'in-review')
    const mine = { ...repository, pull_number: small.pullRequest?.number ?? 0 }
    await world.as('reviewer').pulls.update({ ...mine, state: 'closed' })
    await world.settled('small.md', 'closed')
    await world.as('reviewer').pulls.update({ ...mine, state: 'open' })
    await world.settled('small.md', 'in-review')
  })
})
