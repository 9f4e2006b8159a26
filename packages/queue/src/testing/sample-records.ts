import { randomUUID } from 'node:crypto'
import {
  type FeedbackItem,
  feedbackIdFor,
  type InboxItem,
  planHashFor,
  type RunRecord,
  repositoryNameSchema,
} from '@devbot/contracts'
import type { NewTask, SpendingRequest } from '../ledger.ts'

export const REPOSITORY = repositoryNameSchema.parse('octo-org/hello')

/** An instance of its own, so that tests on one server do not meet. */
export function freshInstance(): string {
  return `test-${randomUUID().slice(0, 8)}`
}

export function newTaskFor(planText: string, changes: Partial<NewTask> = {}): NewTask {
  return {
    repository: REPOSITORY,
    planPath: 'add-retry.md',
    planHash: planHashFor(planText),
    planText,
    title: 'Add a retry',
    priority: 'medium',
    branchPrefix: 'agent/',
    ...changes,
  }
}

export function feedbackItemFor(objectId: number, body = 'Please rename this.'): FeedbackItem {
  const identity = { repositoryId: 7, kind: 'conversation-comment', objectId, body } as const
  return {
    version: 1,
    id: feedbackIdFor(identity),
    ...identity,
    pullNumber: 12,
    author: 'mona',
    authorKind: 'user',
    submittedAt: new Date(Date.UTC(2026, 0, 1) + objectId * 1000).toISOString(),
  }
}

export function feedbackFor(objectId: number, body?: string): Extract<InboxItem, { kind: 'feedback' }> {
  const item = feedbackItemFor(objectId, body)
  return { kind: 'feedback', id: item.id, item }
}

export function editFor(planText: string): InboxItem {
  const planHash = planHashFor(planText)
  return { kind: 'plan-edited', id: `plan-edited-${planHash}`, planHash, planText }
}

export function runFor(id: string, changes: Partial<RunRecord> = {}): RunRecord {
  return {
    version: 1,
    id,
    kind: 'implement',
    planHash: 'a'.repeat(64),
    model: 'claude-sonnet-5-5',
    startedAtMs: 1_000,
    turns: 0,
    costMicroUsd: 0,
    tokens: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
    refusedPaths: [],
    notes: [],
    changes: [],
    ...changes,
  }
}

export function reservationFor(reservationId: string, changes: Partial<SpendingRequest> = {}): SpendingRequest {
  return {
    reservationId,
    wantedMicroUsd: 100,
    leastMicroUsd: 100,
    assumedMicroUsd: 10,
    ceilingMicroUsd: 1_000,
    ...changes,
  }
}
