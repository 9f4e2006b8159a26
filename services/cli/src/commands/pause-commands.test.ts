import { taskIdSchema } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { leftAt, mayStillBeThere } from './pause-commands.ts'

const pause = { by: 'ada', sinceMs: 1_735_689_600_000 }
const idle = { id: 'w1', tasks: [], modelCalls: 0, sandboxes: 0, heardPauseMs: pause.sinceMs, silentMs: 300 }

describe('what is left at a worker after a stop', () => {
  it('is nothing when it heard of the pause and has nothing under way', () => {
    expect(leftAt(idle, pause)).toEqual([])
  })

  it.each([
    ['it has not heard of this pause', { ...idle, heardPauseMs: undefined }, /has not told yet/],
    ['it only heard of an earlier one', { ...idle, heardPauseMs: pause.sinceMs - 1 }, /has not told yet/],
    ['a task is not given back', { ...idle, tasks: [taskIdSchema.parse('t0123456789ab')] }, /works on t0123456789ab/],
    ['a model call is not answered', { ...idle, modelCalls: 2 }, /2 model calls/],
    ['a sandbox is still there', { ...idle, sandboxes: 1 }, /1 sandboxes/],
    ['it is cut off while it works', { ...idle, modelCalls: 1, silentMs: 7_400 }, /not heard of for 7 s/],
    ['sandboxes cannot be counted', { ...idle, sandboxes: undefined, problem: 'no engine' }, /no engine/],
  ])('is told when %s', (_title, report, said) => {
    expect(leftAt(report, pause).join()).toMatch(said)
  })
})

describe('a worker that vanished', () => {
  it('counts while it may still be at something', () => {
    const gone = { ...idle, silentMs: 6_001 }
    expect(mayStillBeThere(idle)).toBe(true)
    expect(mayStillBeThere(gone)).toBe(false)
    expect(mayStillBeThere({ ...gone, modelCalls: 1 })).toBe(true)
    expect(mayStillBeThere({ ...gone, tasks: [taskIdSchema.parse('t0123456789ab')] })).toBe(true)
  })
})
