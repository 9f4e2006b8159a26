import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Stack, startStack, waitFor } from '@devbot/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { recordedReview, signedDelivery } from './src/deliveries.ts'
import { worldOf } from './src/world.ts'

/** What the trajectory `slow` writes by commands. */
const STEPS = [2, 5, 8, 11, 14, 17].map((step) => `step ${step}\n`).join('')

describe('services that are killed and a Redis that goes away', () => {
  let stack: Stack
  let world: ReturnType<typeof worldOf>

  beforeAll(async () => {
    stack = await startStack({ sandbox: 'process', env: { LEASE_SECONDS: '5' } })
    world = worldOf(stack)
  })
  afterAll(() => stack?.stop())

  it('ends well with one branch and one pull request when the worker is killed in the middle of a run', async () => {
    await world.writePlan('slow.md', '---\ntest: node --version\n---\n# Slow\n\nreplay: slow\n')
    // Whose call is no command: one that is cut off is told as interrupted, and its effect is missing.
    await waitFor(
      'the agent to be in its sixth turn',
      async () => ((await stack.ledger.listTasks(1))[0]?.progress?.turn ?? 0) >= 6,
    )
    await stack.service('worker').kill()
    await stack.service('worker').start()
    const task = await world.settled('slow.md', 'in-review', 120_000)
    const ours = [...(await world.branches()).keys()].filter((name) => name.startsWith('agent/'))
    expect(ours).toEqual([task.branch])
    expect(await world.pulls()).toHaveLength(1)
    expect(await world.commits(task.branch)).toHaveLength(1)
  })

  it('has gone on at the turn it was in, with no turn on record asked for again', async () => {
    const task = await world.settled('slow.md', 'in-review')
    const details = await stack.ledger.details(task.id)
    expect(details?.runs.map(({ outcome }) => outcome?.kind)).toEqual(['finished'])
    const events = (await stack.ledger.events(task.id)).map(({ event }) => event)
    const resumed = events.find((event) => event.kind === 'run-resumed')
    expect(resumed?.turn).toBeGreaterThanOrEqual(4)
    const [run] = details?.runs ?? []
    const replies = (await stack.ledger.turns(run?.id ?? '')).filter(({ kind }) => kind === 'reply')
    expect(replies.map(({ turn }) => turn)).toEqual(Array.from({ length: run?.turns ?? 0 }, (_, index) => index + 1))
    // Each command's effect is there, and once.
    expect(await world.show(task.branch, 'progress.txt')).toBe(STEPS)
  })

  it('starts from the work of a run that an error ended, when a person starts the task again', async () => {
    await world.writePlan('mended.md', '---\ntest: node --version\n---\n# Mended\n\nreplay: slow\n')
    const { id } = await world.until('mended.md', 'to have begun', (task) => task.status === 'ready')
    await waitFor('its sixth turn', async () => ((await stack.ledger.details(id))?.progress?.turn ?? 0) >= 6)
    stack.model.orderFault({ status: 400, times: 1 })
    await world.settled('mended.md', 'held', 60_000)
    await stack.ledger.addToInbox(id, { kind: 'start-requested', id: 'mended' })
    const { branch } = await world.settled('mended.md', 'in-review', 60_000)
    expect((await stack.ledger.details(id))?.runs.map(({ outcome }) => outcome?.kind)).toEqual(['failed', 'finished'])
    const [, secondRun] = (await stack.ledger.details(id))?.runs ?? []
    const [start] = await stack.ledger.turns(secondRun?.id ?? '')
    expect(start?.body).toContain('An earlier attempt was ended by an error.')
    // The replayed model knows nothing of that, and does its first steps once more on top of them.
    expect(await world.show(branch, 'progress.txt')).toMatch(new RegExp(`^step 2\nstep 5\n(step 8\n)?${STEPS}$`))
  })

  it('goes on with the push it had announced when the worker is killed between announcing and finishing it', async () => {
    stack.github.addFault({
      match: { method: 'POST', pathPattern: '/git-receive-pack$' },
      action: 'delay',
      delayMs: 3_000,
    })
    await world.writePlan('between.md', '---\ntest: node --version\n---\n# Between\n\nreplay: rename-delete-binary\n')
    const { id } = await world.until(
      'between.md',
      'to have announced its push',
      (task) => task.publication !== undefined,
    )
    await stack.service('worker').kill()
    stack.github.clearFaults()
    const runsBefore = (await stack.ledger.details(id))?.runs.length
    await stack.service('worker').start()
    const task = await world.settled('between.md', 'in-review', 120_000)
    expect((await stack.ledger.details(id))?.runs.length).toBe(runsBefore)
    expect(await world.commits(task.branch)).toHaveLength(1)
    expect((await world.pulls()).filter((pull) => pull.head.ref === task.branch)).toHaveLength(1)
  })

  it('answers 503 while Redis is away, keeps the plan file, and takes both up afterwards', async () => {
    await stack.redis.kill()
    const review = signedDelivery(
      'pull_request_review',
      recordedReview({ branch: 'agent/somewhere-1', number: 900 }),
      stack.webhookSecret,
    )
    const away = await fetch(stack.webhookUrl(), review)
    expect(away.status).toBe(503)
    await writeFile(
      join(stack.plansDirectory, 'later.md'),
      '---\ntest: node --version\n---\n# Later\n\nreplay: rename-delete-binary\n',
    )
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    await stack.redis.restart()
    const again = await waitFor('the ingress to store again', async () => {
      const response = await fetch(stack.webhookUrl(), review)
      return response.status === 202 ? response : undefined
    })
    expect(await again.json()).toMatchObject({ status: 'queued' })
    // The test's own connection comes back on its own time.
    await waitFor('the ledger to answer', () => stack.ledger.listTasks(1).catch(() => undefined))
    await world.settled('later.md', 'in-review', 120_000)
    expect((await world.tasks()).filter((task) => task.planPath === 'later.md')).toHaveLength(1)
  })

  it('stops each service in good order on SIGTERM', async () => {
    for (const name of ['watcher', 'webhook-ingress', 'worker'] as const)
      expect(await stack.service(name).stop()).toBe(0)
  })
})
