import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decideNext, foldInbox, MAX_FAILED_ATTEMPTS, taskRetryable } from './advance.ts'
import { objectIdSchema, planHashFor, repositoryNameSchema, taskIdFor } from './ids.ts'
import type { InboxItem } from './inbox.ts'
import { TASK_STATUSES, type Task, taskEnded, taskSchema } from './task.ts'

const nowMs = 1_735_689_600_000
const identity = { repository: 'octo-org/hello', planPath: 'a.md', generation: 1 }
const PULL = 7

/** Every kind of item, those of another pull request among them. */
const item: fc.Arbitrary<InboxItem> = fc.oneof(
  fc.constantFrom('one', 'two', 'three').map((text) => ({
    kind: 'plan-edited' as const,
    id: `plan-edited-${text}`,
    planHash: planHashFor(text),
    planText: text,
  })),
  fc.constant({ kind: 'plan-cancelled', id: 'plan-cancelled', planHash: planHashFor('cancelled') } as const),
  fc.constantFrom('b.md', 'c.md').map((planPath) => ({ kind: 'plan-moved' as const, id: planPath, planPath })),
  fc.constant({ kind: 'start-requested', id: 'start' } as const),
  fc
    .constantFrom('cancel-requested' as const, 'pause-requested' as const, 'retry-requested' as const)
    .map((kind) => ({ kind, id: kind, by: 'ada' })),
  fc
    .tuple(fc.constantFrom('closed' as const, 'merged' as const, 'reopened' as const), fc.constantFrom(PULL, 8))
    .map(([action, pullNumber]) => ({
      kind: 'pull-request' as const,
      id: `${action}-${pullNumber}`,
      action,
      pullNumber,
      actor: 'ada',
    })),
)
const inbox = fc.array(item, { maxLength: 6 })

/** Any record that the ledger may hold. */
const task: fc.Arbitrary<Task> = fc
  .record({
    status: fc.constantFrom(...TASK_STATUSES),
    hasPullRequest: fc.boolean(),
    isPublishing: fc.boolean(),
    reportDue: fc.boolean(),
    planEdited: fc.boolean(),
    isPaused: fc.boolean(),
    failedAttempts: fc.constantFrom(0, 1, MAX_FAILED_ATTEMPTS),
    waitMs: fc.constantFrom(undefined, -1000, 1000),
  })
  .map((drawn) => {
    const needsPullRequest = ['in-review', 'closed', 'merged'].includes(drawn.status)
    const isEnded = taskEnded({ status: drawn.status })
    return taskSchema.parse({
      version: 1,
      id: taskIdFor(identity),
      repository: repositoryNameSchema.parse(identity.repository),
      planPath: identity.planPath,
      generation: 1,
      planHash: planHashFor('one'),
      title: 'Add retry',
      priority: 'medium',
      status: drawn.status,
      branch: 'agent/a-1735689600',
      acceptedAtMs: nowMs,
      updatedAtMs: nowMs,
      rounds: 0,
      turns: 0,
      costMicroUsd: 0,
      workMs: 0,
      failedAttempts: isEnded ? 0 : drawn.failedAttempts,
      planEdited: drawn.planEdited,
      reportDue: drawn.reportDue,
      ...(isEnded ? { endedAtMs: nowMs - 1, statusReason: 'ended' } : {}),
      ...(isEnded || drawn.waitMs === undefined ? {} : { notBeforeMs: nowMs + drawn.waitMs }),
      ...(drawn.status === 'held' ? { statusReason: 'held' } : {}),
      ...(drawn.status === 'held' && drawn.isPaused ? { pausedBy: 'ada' } : {}),
      ...(needsPullRequest || (drawn.hasPullRequest && drawn.status !== 'ready')
        ? { pullRequest: { number: PULL, url: `https://github.test/octo-org/hello/pull/${PULL}`, draft: false } }
        : {}),
      ...(drawn.isPublishing
        ? { publication: { runId: 'r1', commitId: objectIdSchema.parse('a'.repeat(40)), openPullRequest: true } }
        : {}),
    })
  })

const fold = (from: Task, items: readonly InboxItem[]) => foldInbox(from, items, nowMs).task
const isCancel = ({ kind }: InboxItem) => kind === 'cancel-requested' || kind === 'plan-cancelled'

/** What brings an ended task to which other status; everything else leaves it as it is. */
function leadsOutOf(ended: Task, { kind, ...rest }: InboxItem): Task['status'] | undefined {
  const revived = ended.pullRequest === undefined ? 'ready' : 'in-review'
  if (kind === 'retry-requested') return taskRetryable(ended) ? revived : undefined
  if (kind !== 'pull-request' || !('pullNumber' in rest)) return undefined
  // Found by its branch: before the number is recorded it can be no other's.
  if (ended.pullRequest !== undefined && rest.pullNumber !== ended.pullRequest.number) return undefined
  if (ended.status !== 'closed') return undefined
  if (rest.action === 'merged') return 'merged'
  return rest.action === 'reopened' && ended.pullRequest !== undefined ? 'in-review' : undefined
}

/** 2,000 histories a property: a fifth of a second each. */
const holds = <Drawn extends [unknown, ...unknown[]]>(property: fc.IProperty<Drawn>) =>
  fc.assert(property, { numRuns: 2000 })

describe('a task over any order of events', () => {
  it('leaves an ending only by a merge after a close, a reopening or a retry', () => {
    holds(
      fc.property(task, inbox, (start, items) => {
        let current = start
        for (const next of items) {
          const after = fold(current, [next])
          if (taskEnded(current)) expect(after.status).toBe(leadsOutOf(current, next) ?? current.status)
          if (taskEnded(current) && taskEnded(after) && after.status === current.status)
            expect(after.endedAtMs).toBe(current.endedAtMs)
          current = after
        }
      }),
    )
  })

  it('is a valid record, ended exactly when it says when, and paused only while it is held', () => {
    holds(
      fc.property(task, inbox, (start, items) => {
        const after = fold(start, items)
        expect(taskSchema.safeParse(after).success).toBe(true)
        expect(taskEnded(after)).toBe(after.endedAtMs !== undefined)
        if (after.pausedBy !== undefined) expect(after.status).toBe('held')
        // One that is in review or ready is so because of its pull request.
        if (after.status !== start.status && after.status === 'ready') expect(after.pullRequest).toBeUndefined()
      }),
    )
  })

  it('is the same when an item is taken in a second time', () => {
    holds(
      fc.property(task, item, (start, taken) => {
        const once = fold(start, [taken])
        expect(fold(once, [taken])).toEqual(once)
      }),
    )
  })

  it('is the same however the items are shared out over wake-ups', () => {
    const withoutCancel = inbox.filter((items) => !items.some(isCancel))
    holds(
      fc.property(task, withoutCancel, fc.nat(6), (start, items, cut) => {
        expect(fold(fold(start, items.slice(0, cut)), items.slice(cut))).toEqual(fold(start, items))
      }),
    )
  })

  it('has ended after a cancel, whatever came before, after or with it, and as cancelled unless it had ended', () => {
    holds(
      fc.property(
        task,
        inbox.filter((items) => items.some(isCancel)),
        (start, items) => {
          const after = fold(start, items)
          expect(taskEnded(after)).toBe(true)
          const pullEnded = items.some(({ kind }) => kind === 'pull-request')
          if (!taskEnded(start) && !pullEnded) expect(after.status).toBe('cancelled')
        },
      ),
    )
  })

  it('never runs or pushes while it is held, paused or ended', () => {
    holds(
      fc.property(task, inbox, (start, items) => {
        const after = fold(start, items)
        if (!taskEnded(after) && after.status !== 'held') return
        // What is on GitHub is looked for and looked at: a person may have reopened or ended it.
        expect(['rest', 'report', 'wait', 'look-at-ending', 'adopt']).toContain(decideNext(after, nowMs).kind)
      }),
    )
  })

  it('comes to rest: deciding again on the same record gives the same decision', () => {
    holds(
      fc.property(task, (start) => {
        expect(decideNext(start, nowMs)).toEqual(decideNext(start, nowMs))
        const reported = { ...start, reportDue: false }
        if (!taskEnded(start) && start.status !== 'held') return
        const looks = start.status === 'closed' || (start.status === 'held' && start.pullRequest !== undefined)
        expect(decideNext(reported, nowMs).kind).toBe(looks ? 'look-at-ending' : 'rest')
      }),
    )
  })
})
