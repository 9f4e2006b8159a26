import type { FeedbackRow, RecordedEvent, Task } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import {
  epochsGoOn,
  feedbackOnceAndInOrder,
  nothingAfterTheEnding,
  oneEnding,
  onePullRequest,
} from './history-checks.ts'

const task = (status: string) => ({ id: 't0123456789ab', status }) as Task
const row = (id: string, round?: number) =>
  ({ item: { id }, state: round === undefined ? 'open' : 'answered', round }) as FeedbackRow
const events = (...told: readonly object[]) => told.map((event) => ({ id: '1-0', atMs: 0, event })) as RecordedEvent[]
const status = (name: string) => ({ kind: 'status-changed', status: name })

describe('plans in are endings out', () => {
  it('holds for one task that has ended', () => expect(oneEnding({ tasks: [task('closed')] })).toEqual([]))

  it.each([
    ['no task', []],
    ['two tasks', [task('closed'), task('closed')]],
    ['a task that has not ended', [task('in-review')]],
  ])('does not hold for %s', (_what, tasks) => expect(oneEnding({ tasks })).toHaveLength(1))
})

describe('one pull request per plan', () => {
  it('is one, not none and not two', () => {
    expect([[], [1], [1, 2]].map((pullNumbers) => onePullRequest({ pullNumbers }).length)).toEqual([1, 0, 1])
  })
})

describe('feedback', () => {
  it('is used once and in order when each item has its round and one answer', () => {
    const feedback = [row('b', 2), row('a', 1), row('c', 2)]
    expect(feedbackOnceAndInOrder({ submitted: ['a', 'b', 'c'], answered: ['a', 'c', 'b'], feedback })).toEqual([])
  })

  it.each([
    ['is not in the ledger', { answered: ['a'], feedback: [] }],
    ['is in the ledger twice', { answered: ['a'], feedback: [row('a', 1), row('a', 1)] }],
    ['is still open', { answered: ['a'], feedback: [row('a')] }],
    ['has no answer', { answered: [], feedback: [row('a', 1)] }],
    ['has two answers', { answered: ['a', 'a'], feedback: [row('a', 1)] }],
    ['was never asked for', { answered: ['a', 'x'], feedback: [row('a', 1)] }],
  ])('is wrong when an item %s', (_what, found) =>
    expect(feedbackOnceAndInOrder({ submitted: ['a'], ...found })).toHaveLength(1),
  )

  it('is wrong when a later item was worked off in an earlier round', () => {
    const found = { submitted: ['a', 'b'], answered: ['a', 'b'], feedback: [row('a', 2), row('b', 1)] }
    expect(feedbackOnceAndInOrder(found)).toHaveLength(1)
  })
})

describe('epochs of effects', () => {
  it('may repeat and grow, never go back', () => {
    expect(epochsGoOn({ epochs: [1, 1, 2, 4] })).toEqual([])
    expect(epochsGoOn({ epochs: [1, 2, 1] })).toHaveLength(1)
  })
})

describe('an ending', () => {
  it('is followed by its report only', () => {
    const report = { kind: 'report-written', fileName: 'a.report.md' }
    expect(nothingAfterTheEnding({ events: events(status('in-review'), status('closed'), report) })).toEqual([])
    const push = { kind: 'branch-pushed', branch: 'agent/a', commitId: 'c' }
    expect(nothingAfterTheEnding({ events: events(status('closed'), push) })).toHaveLength(1)
  })

  it('is told by an event', () => {
    expect(nothingAfterTheEnding({ events: events(status('in-review')) })).toHaveLength(1)
  })
})
