import { planHashFor, type TaskStatus, taskIdFor } from '@devbot/contracts'
import type { PlanTask } from '@devbot/queue'
import { describe, expect, it } from 'vitest'
import { decideIntake, type IntakeFacts } from './decide-intake.ts'

const here = 'here.md'
const text = planHashFor('this text')
const earlier = planHashFor('an earlier text')

function task(status: TaskStatus, planPath: string, latestPlanHash = earlier): PlanTask {
  const id = taskIdFor({ repository: 'octo-org/hello', planPath, generation: 1 })
  return { id, planPath, planHash: latestPlanHash, latestPlanHash, status, generation: 1, branch: `agent/${status}` }
}

const fresh: IntakeFacts = {
  planPath: here,
  planHash: text,
  plan: { status: 'ready' },
  otherPathExists: false,
}
const elsewhere = task('ready', 'elsewhere.md', text)

describe('decideIntake', () => {
  it.each<[string, Partial<IntakeFacts>, string]>([
    ['accepts a new plan', {}, 'accept'],
    ['accepts a draft', { plan: { status: 'draft' } }, 'accept'],
    ['leaves a running plan with the same text alone', { taskAtPath: task('ready', here, text) }, 'unchanged'],
    ['leaves an ended plan with the same text alone', { taskAtPath: task('merged', here, text) }, 'unchanged'],
    ['tells a running task of new text', { taskAtPath: task('in-review', here) }, 'revise'],
    ['tells a held task of new text', { taskAtPath: task('held', here) }, 'revise'],
    ['starts the next generation after a merge', { taskAtPath: task('merged', here) }, 'accept'],
    ['starts the next generation after a close', { taskAtPath: task('closed', here) }, 'accept'],
    ['starts the next generation after giving up', { taskAtPath: task('given-up', here) }, 'accept'],
    ['starts the next generation after a cancel', { taskAtPath: task('cancelled', here) }, 'accept'],
    ['lets a plan on hold rest', { plan: { status: 'hold' } }, 'rest'],
    ['lets a completed plan rest', { plan: { status: 'completed' } }, 'rest'],
    ['lets a cancelled plan without a task rest', { plan: { status: 'cancelled' } }, 'rest'],
    ['cancels a running task', { plan: { status: 'cancelled' }, taskAtPath: task('in-review', here) }, 'cancel'],
    ['does not cancel what ended', { plan: { status: 'cancelled' }, taskAtPath: task('merged', here) }, 'rest'],
    ['does not stop a running task for hold', { plan: { status: 'hold' }, taskAtPath: task('ready', here) }, 'rest'],
    ['follows a rename', { taskWithHash: elsewhere }, 'move'],
    ['follows a rename onto an ended plan', { taskWithHash: elsewhere, taskAtPath: task('merged', here) }, 'move'],
    [
      'takes a rename onto a running plan as its edit',
      { taskWithHash: elsewhere, taskAtPath: task('ready', here) },
      'revise',
    ],
    ['rejects a copy', { taskWithHash: elsewhere, otherPathExists: true }, 'copy'],
    [
      'rejects a copy over a running plan',
      { taskWithHash: elsewhere, otherPathExists: true, taskAtPath: task('ready', here) },
      'copy',
    ],
    ['lets a resting copy rest', { plan: { status: 'hold' }, taskWithHash: elsewhere, otherPathExists: true }, 'rest'],
    [
      'believes the report of this text with an ending',
      { report: { planHash: text, status: 'merged' } },
      'already-done',
    ],
    ['does not believe a report of other text', { report: { planHash: earlier, status: 'merged' } }, 'accept'],
    ['does not believe a report without an ending', { report: { planHash: text, status: 'in-review' } }, 'accept'],
    ['does not believe a report with a strange status', { report: { planHash: text, status: 'toString' } }, 'accept'],
  ])('%s', (_title, facts, kind) => {
    expect(decideIntake({ ...fresh, ...facts }).kind).toBe(kind)
  })

  it('holds a plan that asks for approval, and says so', () => {
    expect(decideIntake({ ...fresh, plan: { status: 'ready', approval: 'required' } })).toEqual({
      kind: 'accept',
      heldBecause: 'the plan asks for approval',
    })
  })

  it('holds a plan at a crowded first start', () => {
    expect(decideIntake({ ...fresh, firstStartHold: 'one of many' })).toEqual({
      kind: 'accept',
      heldBecause: 'one of many',
    })
  })

  it('names the first when it rejects a copy', () => {
    expect(decideIntake({ ...fresh, taskWithHash: elsewhere, otherPathExists: true })).toEqual({
      kind: 'copy',
      of: elsewhere,
    })
  })
})
