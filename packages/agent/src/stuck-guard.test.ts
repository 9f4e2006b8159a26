import { describe, expect, it } from 'vitest'
import { createStuckGuard } from './stuck-guard.ts'

/** Gives the guard one call per entry, `[command, result]`, and tells at which it had enough, and why. */
function watch(calls: readonly (readonly [command: string, result: string])[], options: { isError?: boolean } = {}) {
  const guard = createStuckGuard()
  for (const [index, [command, text]] of calls.entries()) {
    const call = { id: `c${index}`, name: 'shell', input: { command } }
    const reason = guard.note([{ call, isError: options.isError ?? false, text }])
    if (reason !== undefined) return { after: index + 1, reason }
  }
  return undefined
}

const repeat = <T>(entries: readonly T[], times: number) => Array.from({ length: times }, () => entries).flat()

describe('createStuckGuard', () => {
  it.each([
    [1, 3, /same shell call gave the same result 3 times/],
    [2, 6, /same two calls \(shell, shell\) took turns 3 times/],
    [3, 9, /same 3 calls \(shell, shell, shell\) came round 3 times/],
    [4, 12, /same 4 calls .* came round 3 times/],
  ])('has enough of a circle of %i calls after %i', (length, after, reason) => {
    const circle = Array.from({ length }, (_, index) => [`step ${index}`, `result ${index}`] as const)
    expect(watch(repeat(circle, 5))).toEqual({ after, reason: expect.stringMatching(reason) })
  })

  it('finds a circle that begins in the middle of other work', () => {
    const before = [
      ['ls', 'a'],
      ['cat a', 'b'],
      ['step 1', 'other result'],
    ] as const
    const circle = [
      ['step 1', 'result 1'],
      ['step 2', 'result 2'],
      ['step 3', 'result 3'],
    ] as const
    expect(watch([...before, ...repeat(circle, 4)])?.after).toBe(3 + 9)
  })

  it('has enough of the same error after five, whatever was tried', () => {
    const calls = Array.from({ length: 9 }, (_, index) => [`try ${index}`, 'no such tool'] as const)
    expect(watch(calls, { isError: true })).toMatchObject({ after: 5, reason: expect.stringMatching(/same error 5/) })
  })

  it('lets a long build be run again and again as long as its output says something new', () => {
    const calls = Array.from({ length: 40 }, (_, run) => ['make', `[${run}%] Building object ${run}`] as const)
    expect(watch(calls)).toBeUndefined()
  })

  it('lets a build be looked at every few seconds, though for some looks only the time goes on', () => {
    const calls = Array.from(
      { length: 40 },
      (_, look) => ['tail -1 build.log', `Linking ${Math.floor(look / 7)} ... (${look * 5} s elapsed)`] as const,
    )
    expect(watch(calls)).toBeUndefined()
  })

  it('has enough of tests that fail the same way eight times, though their durations differ', () => {
    const calls = Array.from(
      { length: 20 },
      (_, run) => ['npm test', `not ok 1 - adds\n  duration_ms: ${run * 1.37}\n# 1 failed in ${run}.5s`] as const,
    )
    expect(watch(calls)).toMatchObject({ after: 8, reason: expect.stringMatching(/but for its times 8 times/) })
  })

  it('takes the same input for the same, however its keys are ordered', () => {
    const guard = createStuckGuard()
    const note = (input: object) => guard.note([{ call: { id: 'c', name: 'read', input }, isError: false, text: 'x' }])
    expect(note({ path: 'a', offset: 1 })).toBeUndefined()
    expect(note({ offset: 1, path: 'a' })).toBeUndefined()
    expect(note({ path: 'a', offset: 1 })).toMatch(/3 times in a row/)
  })
})
