import type { CheckResult } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { criteriaCommands, criteriaConcerns, criteriaProblem, criteriaResults } from './criteria.ts'

const check = (exitCode: number | undefined, output = 'out'): CheckResult => ({
  command: 'c',
  ...(exitCode === undefined ? {} : { exitCode }),
  timedOut: false,
  durationMs: 5,
  output,
  treeId: 't',
})
const acceptance = [{ criterion: 'A', command: 'a' }, { criterion: 'by eye' }, { criterion: 'B', command: 'b' }]
const criteria = { acceptance, lint: 'l' }
const runs = (...codes: (number | undefined)[]) => codes.map((code) => ({ check: check(code) }))
const checks = (...codes: (number | undefined)[]) => codes.map((code) => check(code))

describe('criteria', () => {
  it('runs the commands of criteria in their order, and the lint last', () => {
    expect(criteriaCommands(criteria).map(({ line }) => line)).toEqual(['a', 'b', 'l'])
    expect(criteriaCommands({ acceptance: undefined, lint: undefined })).toEqual([])
  })

  it('puts both sides beside each other, whichever came first', () => {
    const before = criteriaResults(criteria, 'before', checks(1, 0, 0), {})
    const both = criteriaResults(criteria, 'after', checks(0, 2, 0), before)
    expect(both).toMatchObject({
      acceptance: [
        { criterion: 'A', before: { exitCode: 1 }, after: { exitCode: 0 } },
        { criterion: 'by eye' },
        { criterion: 'B', before: { exitCode: 0 }, after: { exitCode: 2 } },
      ],
      lint: { before: { exitCode: 0 }, after: { exitCode: 0 } },
    })
    expect(both.acceptance?.[1]).toEqual({ criterion: 'by eye' })
  })

  it('forgets what an older tree gave, and what another command did', () => {
    const older = criteriaResults(
      criteria,
      'after',
      checks(0, 0, 0),
      criteriaResults(criteria, 'before', checks(1, 1, 1), {}),
    )
    expect(criteriaResults(criteria, 'after', [], older).acceptance?.[0]).toEqual({
      criterion: 'A',
      command: 'a',
      before: { exitCode: 1, timedOut: false, durationMs: 5 },
    })
    const edited = { acceptance: [{ criterion: 'A', command: 'other' }], lint: 'other' }
    expect(criteriaResults(edited, 'after', checks(0, 0), older)).toMatchObject({ lint: { command: 'other' } })
    expect(criteriaResults(edited, 'after', checks(0, 0), older).acceptance?.[0]?.before).toBeUndefined()
  })

  it('is content when all is met', () => {
    const results = criteriaResults(criteria, 'after', checks(0, 0, 0), {})
    expect(criteriaProblem(results, runs(0, 0, 0))).toBeUndefined()
    expect(criteriaConcerns(results)).toEqual([])
  })

  it('sends back what is not met with its output, and makes a concern of it', () => {
    const results = criteriaResults(criteria, 'after', checks(0, undefined, 3), {})
    const problem = criteriaProblem(results, [
      { check: check(0) },
      { check: check(undefined, 'the output of b') },
      { check: check(3) },
    ])
    expect(problem).toMatchObject({ about: 'acceptance', maxRejections: 2 })
    expect(problem?.message).toContain('The criterion "B" is not met: b came to no end of its own.\nthe output of b')
    expect(problem?.message).toContain('The lint does not pass: l ended with exit code 3.')
    expect(problem?.message).not.toContain('"A"')
    expect(criteriaConcerns(results).map(({ kind }) => kind)).toEqual(['acceptance-failed', 'lint-failed'])
  })

  it('insists once on a lint that failed before, too, and says so', () => {
    const before = criteriaResults({ acceptance: [], lint: 'l' }, 'before', checks(1), {})
    const results = criteriaResults({ acceptance: [], lint: 'l' }, 'after', checks(1), before)
    expect(criteriaProblem(results, runs(1))).toMatchObject({ about: 'lint', maxRejections: 1 })
    expect(criteriaProblem(results, runs(1))?.message).toContain('It failed before your change, too.')
  })

  it('keeps what goes back within bounds', () => {
    const many = Array.from({ length: 50 }, (_, number) => ({ criterion: `c${number}`, command: 'x' }))
    const results = criteriaResults(
      { acceptance: many, lint: undefined },
      'after',
      many.map(() => check(1)),
      {},
    )
    const message =
      criteriaProblem(
        results,
        many.map(() => ({ check: check(1, 'y'.repeat(16_000)) })),
      )?.message ?? ''
    expect(message.length).toBeLessThanOrEqual(12_000)
  })
})
