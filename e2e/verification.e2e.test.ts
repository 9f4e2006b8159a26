import type { RunRecord, Task } from '@devbot/contracts'
import { type Stack, startStack } from '@devbot/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { repository, worldOf } from './src/world.ts'

const TAMPER = `---
title: Make the suite green
test: npm test
paths: ["src/**", "test/**"]
acceptance:
  - { criterion: "There is a note", command: "test -f src/note.ts" }
  - The suite is still worth something
---
replay: tamper
`
const CARELESS = `---
title: Write the answer down
test: node --test test/clock.test.ts
---
replay: careless
`
const finish = (summary: string) => ({
  calls: [{ tool: 'finish', input: { title: 'Done', summary, testing_notes: 'All tests pass.' } }],
})
const write = (content: string) => ({ calls: [{ tool: 'write', input: { path: 'src/answer.ts', content } }] })

/** Costs about 15 s: one stack on the process driver, two tasks side by side. */
describe('a change that is not what it seems', () => {
  let stack: Stack
  let world: ReturnType<typeof worldOf>

  beforeAll(async () => {
    stack = await startStack({
      sandbox: 'process',
      trajectories: [
        {
          name: 'tamper',
          match: 'replay: tamper',
          turns: [
            {
              calls: [
                {
                  tool: 'shell',
                  input: {
                    command: [
                      `sed -i "/^test('carries a rounded/,/^})/d" test/format-duration.test.ts`,
                      `sed -i "s/^test('refuses what is no number'/test.skip('refuses what is no number'/" test/format-duration.test.ts`,
                      'echo "Nothing to see here." >> README.md',
                      'echo "export const note = 1" > src/note.ts',
                    ].join(' && '),
                  },
                },
              ],
            },
            finish('The rounding was mended and all tests pass.'),
            {
              ...finish('The rounding was mended and all tests pass, really.'),
              expect: 'test/format-duration\\.test\\.ts',
            },
          ],
        },
        {
          name: 'careless',
          match: 'replay: careless',
          review: {
            findings: [
              { severity: 'minor', problem: 'A comment would help.' },
              { severity: 'critical', path: 'src/answer.ts', line: 1, problem: 'The answer is 42, not 41.' },
            ],
          },
          turns: [
            write('export const answer = 41\n'),
            finish('The answer is written down.'),
            { ...write('export const answer = 42\n'), expect: 'src/answer\\.ts:1: The answer is 42, not 41' },
            finish('The answer is right now.'),
          ],
        },
      ],
    })
    world = worldOf(stack)
    await Promise.all([world.writePlan('tamper.md', TAMPER), world.writePlan('careless.md', CARELESS)])
  })
  afterAll(() => stack?.stop())

  const delivered = async (plan: string): Promise<{ task: Task; run: RunRecord; report: string; body: string }> => {
    const task = await world.settled(plan, 'in-review', 120_000)
    const run = (await stack.ledger.details(task.id))?.runs[0]
    const pull_number = task.pullRequest?.number ?? 0
    const { data: pull } = await world.as('reviewer').pulls.get({ ...repository, pull_number })
    if (run === undefined) throw new Error('no run')
    expect(pull.draft).toBe(task.pullRequest?.draft)
    return { task, run, report: await world.report(plan), body: pull.body ?? '' }
  }

  it('stays a draft that lists the deleted test, the skipped one and the path outside the plan', async () => {
    const { task, run, report, body } = await delivered('tamper.md')
    expect(task.pullRequest?.draft).toBe(true)
    expect(run.verification?.exitCode).toBe(0)
    for (const text of [report.split('## Look at This Before Merging')[1]?.split('\n## ')[0], body]) {
      expect(text).toMatch(/tests deleted.*test\/format-duration\.test\.ts.*carries a rounded amount/)
      expect(text).toMatch(/tests deleted.*failed before, and not among the tests that ran now/)
      expect(text).toMatch(/tests skipped.*test\/format-duration\.test\.ts/)
      expect(text).toMatch(/out of scope.*README\.md/)
    }
  })

  it('tells the agent of it once, before it is taken as it is', async () => {
    const { run } = await delivered('tamper.md')
    const results = (await stack.ledger.turns(run.id)).filter(({ kind }) => kind === 'tool-result')
    expect(results.filter(({ body }) => body.includes('A person has to look at this'))).toHaveLength(1)
  })

  it('shows single tests and acceptance criteria, before and after, from the worker’s own runs', async () => {
    const { run, report, body } = await delivered('tamper.md')
    expect(run.evidence).toMatchObject({ runner: 'node', compared: true, counts: { newlySkipped: 1, gone: 1 } })
    expect(report).toMatch(/\| there before, gone now \| 1 \| `carries a rounded amount into the next larger unit` \|/)
    expect(report).toMatch(/\| There is a note \| `test -f src\/note.ts` \| not met .* \| met .* \|/)
    expect(report).toMatch(/\| The suite is still worth something \| no command \| - \| - \|/)
    expect(body).toContain('acceptance: 1 of 1 criteria with a command are met')
  })

  it('gives a critical finding of the self-review back once, verifies the fix, and says so', async () => {
    const { task, run, report, body } = await delivered('careless.md')
    expect(await world.show(task.branch, 'src/answer.ts')).toContain('42')
    expect(run.selfReview).toMatchObject({ verdict: 'changes-wanted', fixRounds: 1 })
    expect(run.selfReview?.treeId).not.toBe(run.treeId)
    expect(run.verification?.treeId).toBe(run.treeId)
    for (const text of [report, body]) {
      expect(text).toContain('1 finding to mend, 1 minor remark; the agent was told, and changed its work')
      expect(text).toContain('> - critical `src/answer.ts:1`: The answer is 42, not 41.')
    }
    const reviews = stack.model.requests().filter(({ trajectory }) => trajectory === 'careless (review)')
    expect(reviews).toHaveLength(1)
    expect(task.pullRequest?.draft).toBe(false)
  })

  it('counts the review to the cost of the run, and sent the model nothing it would refuse', async () => {
    const { run } = await delivered('careless.md')
    const asked = stack.model.requests().filter(({ trajectory }) => trajectory.startsWith('careless'))
    const output = asked.reduce((sum, { usage }) => sum + (usage?.output_tokens ?? 0), 0)
    expect(run.turns).toBe(asked.length - 1)
    expect(run.tokens.output).toBe(output)
    expect(await stack.ledger.spentToday()).toBeGreaterThanOrEqual(run.costMicroUsd)
    expect(stack.model.violations()).toEqual([])
  })
})
