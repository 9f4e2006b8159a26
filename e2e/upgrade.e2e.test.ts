import { loadLedger, readRecordedLedgers, type Stack, startStack } from '@devbot/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { repository, worldOf } from './src/world.ts'

/** In place of the recorded run's own, half a second a turn: a run that goes on at a later turn finds the same kind of turns. */
const TRAJECTORIES = [
  {
    name: 'slow',
    match: 'replay: slow',
    repeatLast: true,
    turns: [
      ...Array.from({ length: 8 }, (_, step) => ({
        calls: [{ tool: 'write', input: { path: `notes/step-${step}.txt`, content: `step ${step}\n` } }],
      })),
      { calls: [{ tool: 'finish', input: { title: 'Write notes', summary: 'Notes, as the plan asks.' } }] },
    ],
  },
] as const

describe.each(readRecordedLedgers().map((recorded) => [recorded.commit.slice(0, 7), recorded] as const))(
  'a stack that stood in the middle of runs when %s was replaced by this version',
  (_commit, recorded) => {
    let stack: Stack
    let world: ReturnType<typeof worldOf>

    beforeAll(async () => {
      stack = await startStack({
        sandbox: 'process',
        without: ['watcher', 'worker'],
        trajectories: structuredClone(TRAJECTORIES) as never,
        env: { WORKER_CONCURRENCY: '6' },
      })
      world = worldOf(stack)
      await loadLedger(stack.redis.url, stack.instance, recorded)
      // This GitHub is another one than the recorded: the numbers that the ledger knows are used up.
      for (let number = 1; number <= 5; number++)
        await world.as('reviewer').issues.create({ ...repository, title: `Taken ${number}` })
      await stack.startService('worker')
    })
    afterAll(() => stack?.stop())

    it('brings the run that was under way to its end, on the branch it had', async () => {
      const before = await world.taskOf('slow.md')
      const task = await world.settled('slow.md', 'in-review', 90_000)
      expect(task).toMatchObject({ id: before?.id, branch: before?.branch })
      expect([...(await world.branches()).keys()]).toContain(task.branch)
      expect((await world.pulls()).filter((pull) => pull.head.ref === task.branch)).toHaveLength(1)
    })

    it('leaves what had ended as it ended', async () => {
      for (const [planPath, status] of [
        ['merged.md', 'merged'],
        ['cancelled.md', 'cancelled'],
        ['gives-up.md', 'given-up'],
      ])
        expect((await world.taskOf(planPath ?? ''))?.status).toBe(status)
    })
  },
)
