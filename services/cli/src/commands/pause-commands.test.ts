import { taskIdSchema } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { leftAt } from './pause-commands.ts'

const pause = { by: 'ada', sinceMs: 1_735_689_600_000 }
const idle = { id: 'w1', tasks: [], modelCalls: 0, sandboxes: 0, heardPauseMs: pause.sinceMs }

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
    ['sandboxes cannot be counted', { ...idle, sandboxes: undefined, problem: 'no engine' }, /no engine/],
  ])('is told when %s', (_title, report, said) => {
    expect(leftAt(report, pause).join()).toMatch(said)
  })
})
