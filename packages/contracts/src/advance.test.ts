import { describe, expect, it } from 'vitest'
import { adoptionDone, backoffMs, decideNext, endTask, foldInbox, holdTask, MAX_FAILED_ATTEMPTS } from './advance.ts'
import { objectIdSchema, planHashFor, repositoryNameSchema, taskIdFor } from './ids.ts'
import type { InboxItem } from './inbox.ts'
import type { Task } from './task.ts'

const nowMs = 1_735_689_600_000
const identity = { repository: 'octo-org/hello', planPath: 'a.md', generation: 1 }
const ready: Task = {
  version: 1,
  id: taskIdFor(identity),
  repository: repositoryNameSchema.parse(identity.repository),
  planPath: identity.planPath,
  generation: 1,
  planHash: planHashFor('one'),
  title: 'Add retry',
  priority: 'medium',
  status: 'ready',
  branch: 'agent/a-1735689600',
  acceptedAtMs: nowMs,
  updatedAtMs: nowMs,
  rounds: 0,
  failedAttempts: 0,
  planEdited: false,
  reportDue: false,
  turns: 0,
  costMicroUsd: 0,
  workMs: 0,
}
const pullRequest = { number: 7, url: 'https://github.test/octo-org/hello/pull/7', draft: false }
const inReview: Task = { ...ready, status: 'in-review', pullRequest }
const publication = {
  runId: 'r1',
  commitId: objectIdSchema.parse('a'.repeat(40)),
  openPullRequest: true,
}

const edited = (text: string): InboxItem => ({
  kind: 'plan-edited',
  id: `plan-edited-${text}`,
  planHash: planHashFor(text),
  planText: text,
})
const cancelled: InboxItem = { kind: 'plan-cancelled', id: 'plan-cancelled', planHash: planHashFor('one') }
const started: InboxItem = { kind: 'start-requested', id: 'start' }
const asked = (what: 'cancel' | 'pause' | 'retry'): InboxItem => ({ kind: `${what}-requested`, id: what, by: 'ada' })
const held: Task = { ...ready, status: 'held' }
const closed: Task = { ...inReview, status: 'closed' }
const moved: InboxItem = { kind: 'plan-moved', id: 'moved', planPath: 'b.md' }
const pull = (action: 'closed' | 'merged' | 'reopened', pullNumber = 7): InboxItem => ({
  kind: 'pull-request',
  id: `${action}-${pullNumber}`,
  action,
  pullNumber,
  actor: 'octocat',
})
const fold = (task: Task, ...inbox: readonly InboxItem[]) => foldInbox(task, inbox, nowMs)

describe('foldInbox', () => {
  it.each([
    ['a closed pull request ends it', inReview, [pull('closed')], 'closed'],
    ['a merged one ends it', inReview, [pull('merged')], 'merged'],
    ['a merge told after the close counts', inReview, [pull('closed'), pull('merged')], 'merged'],
    ['a late close after the merge changes nothing', inReview, [pull('merged'), pull('closed')], 'merged'],
    ['a reopened pull request revives a closed task', inReview, [pull('closed'), pull('reopened')], 'in-review'],
    ['a merged task is never revived', inReview, [pull('merged'), pull('reopened')], 'merged'],
    ['a cancelled task is never revived', inReview, [cancelled, pull('reopened')], 'cancelled'],
    ['a cancelled task is not closed again', inReview, [cancelled, pull('closed')], 'cancelled'],
    ['another pull request is not ours', inReview, [pull('closed', 8)], 'in-review'],
    ['the plan cancels it', ready, [cancelled], 'cancelled'],
    ['a person starts a held one', { ...ready, status: 'held' as const }, [started], 'ready'],
    ['starting what runs changes nothing', inReview, [started], 'in-review'],
    ['a person cancels it', inReview, [asked('cancel')], 'cancelled'],
    [
      'a cancel wins over a start and a retry that come with it',
      held,
      [asked('cancel'), started, asked('retry')],
      'cancelled',
    ],
    ['a cancel wins over a reopening that comes after it', closed, [asked('cancel'), pull('reopened')], 'cancelled'],
    ['a person pauses it', inReview, [asked('pause')], 'held'],
    ['a paused one goes on where it was', inReview, [asked('pause'), started], 'in-review'],
    ['pausing what ended changes nothing', closed, [asked('pause')], 'closed'],
    ['a person retries what was given up', { ...ready, status: 'given-up' as const }, [asked('retry')], 'ready'],
    [
      'a retried one with a pull request is in review',
      { ...inReview, status: 'cancelled' as const },
      [asked('retry')],
      'in-review',
    ],
    ['a retry starts what is held', held, [asked('retry')], 'ready'],
    ['what was closed is not retried', closed, [asked('retry')], 'closed'],
    ['starting does not revive what ended', { ...ready, status: 'given-up' as const }, [started], 'given-up'],
  ])('%s', (_title, task, inbox, status) => {
    expect(fold(task, ...inbox).task.status).toBe(status)
  })

  it('takes an edit before the first publication as the new plan, not as feedback', () => {
    const { task, planText } = fold({ ...ready, failedAttempts: 3 }, edited('two'))
    expect(task).toMatchObject({ planHash: planHashFor('two'), planEdited: false, failedAttempts: 0 })
    expect(planText).toBe('two')
  })

  it('takes an edit as feedback when a pull request is open', () => {
    expect(fold(inReview, edited('two')).task.planEdited).toBe(true)
  })

  it('takes an edit as feedback when the old text is just being published', () => {
    expect(fold({ ...ready, publication }, edited('two')).task.planEdited).toBe(true)
  })

  it('keeps the newest of several edits', () => {
    const { task, planText } = fold(inReview, edited('two'), edited('three'))
    expect(task.planHash).toBe(planHashFor('three'))
    expect(planText).toBe('three')
  })

  it('ignores an edit of an ended task', () => {
    const ended = endTask(ready, 'no-change', 'nothing to do', nowMs)
    expect(fold(ended, edited('two'))).toEqual({ task: ended, feedback: [] })
  })

  it('follows a renamed plan', () => {
    expect(fold(ready, moved).task.planPath).toBe('b.md')
  })
})

describe('endTask', () => {
  it('lets the first ending stand', () => {
    const ended = endTask(ready, 'given-up', 'the agent gave up', nowMs)
    expect(endTask(ended, 'cancelled', 'late', nowMs + 1)).toEqual(ended)
  })

  it('forgets the wait of an ended task', () => {
    expect(endTask({ ...ready, notBeforeMs: nowMs + 1 }, 'cancelled', 'x', nowMs)).not.toHaveProperty('notBeforeMs')
  })
})

describe('decideNext', () => {
  it.each([
    ['rests when held', { ...ready, status: 'held' as const }, 'rest'],
    ['rests when ended', { ...inReview, status: 'merged' as const }, 'rest'],
    ['rests when ended in the middle of publishing', { ...ready, status: 'cancelled' as const, publication }, 'rest'],
    ['waits out a backoff', { ...ready, notBeforeMs: nowMs + 1 }, 'wait'],
    ['goes on when the backoff is over', { ...ready, notBeforeMs: nowMs }, 'implement'],
    ['completes a publication first', { ...inReview, publication }, 'complete-publication'],
    ['implements without a pull request', ready, 'implement'],
    ['reviews with one', inReview, 'review'],
    ['holds for a person after too many failures', { ...ready, failedAttempts: MAX_FAILED_ATTEMPTS }, 'hold'],
    ['reports an ending', { ...ready, status: 'cancelled' as const, reportDue: true }, 'report'],
  ])('%s', (_title, task, kind) => {
    expect(decideNext(task, nowMs).kind).toBe(kind)
  })
})

describe('backoffMs', () => {
  it('doubles from 5 s to 5 min and adds at most a fifth', () => {
    expect([1, 2, 3, 4, 20].map((attempts) => backoffMs(attempts, 0))).toEqual([5_000, 10_000, 20_000, 40_000, 300_000])
    expect(backoffMs(1, 1)).toBe(6_000)
    expect(backoffMs(0, 0)).toBe(5_000)
  })
})

describe('a task of a ledger that may have lost its memory', () => {
  const accepted: Task = { ...ready, adoption: 'due' }

  it('is looked for on GitHub before its first run, also while it is held', () => {
    expect(decideNext(accepted, 0)).toEqual({ kind: 'adopt' })
    expect(decideNext({ ...accepted, status: 'held' }, 0)).toEqual({ kind: 'adopt' })
    expect(decideNext(adoptionDone(accepted), 0)).toEqual({ kind: 'implement' })
  })

  it('is not looked for again while it waits for a person who has to mend what keeps it from being asked', () => {
    const held = holdTask(accepted, 'github-forbidden: ...')
    expect(decideNext({ ...held, reportDue: false }, 0)).toEqual({ kind: 'rest' })
    const started = foldInbox(held, [{ kind: 'start-requested', id: 's' }], 0).task
    expect(decideNext({ ...started, reportDue: false }, 0)).toEqual({ kind: 'adopt' })
  })

  it('is not looked for once it ended', () => {
    expect(decideNext({ ...accepted, status: 'cancelled' }, 0)).toEqual({ kind: 'rest' })
  })
})

describe('a closed pull request', () => {
  const hour = 3_600_000
  const ended: Task = { ...closed, endedAtMs: 0 }

  it('is looked at more and more seldom, for a week', () => {
    expect(decideNext(ended, hour)).toEqual({ kind: 'look-at-ending', nextMs: hour / 4 })
    expect(decideNext(ended, 24 * hour)).toEqual({ kind: 'look-at-ending', nextMs: 6 * hour })
    expect(decideNext(ended, 8 * 24 * hour)).toEqual({ kind: 'rest' })
    expect(decideNext({ ...ended, status: 'merged' }, hour)).toEqual({ kind: 'rest' })
  })

  it('of a held task is looked for, and nothing else of it', () => {
    expect(decideNext({ ...inReview, status: 'held' }, hour)).toEqual({ kind: 'look-at-ending', nextMs: 0 })
  })
})
