import { type FeedbackItem, feedbackIdFor } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { feedbackRowFor } from './feedback-rows.ts'
import { oldCommands, outdatedCommands } from './outdated-commands.ts'

const acceptedAtMs = Date.parse('2026-11-22T10:00:00Z')

function comment(objectId: number, submittedAt: string, body: string): FeedbackItem {
  const identity = { repositoryId: 1, kind: 'conversation-comment', objectId, body } as const
  return {
    version: 1,
    id: feedbackIdFor(identity),
    ...identity,
    pullNumber: 7,
    author: 'ada',
    authorKind: 'user',
    submittedAt,
  }
}

const march = comment(1, '2026-03-01T10:00:00Z', '/devbot cancel')
const retried = comment(2, '2026-03-02T10:00:00Z', '/devbot retry\n\nI was wrong.')
const wish = comment(3, '2026-03-03T10:00:00Z', '/devbot rename it')
const lastWord = comment(4, '2026-11-22T09:59:59Z', '/devbot cancel')
const today = comment(5, '2026-11-22T10:00:01Z', '/devbot pause')

const outdated = (items: readonly FeedbackItem[], steering = items, adopted = true) =>
  outdatedCommands(oldCommands({ adopted, acceptedAtMs }, items.map(feedbackRowFor)), steering).map(({ item }) => item)

describe('commands from before a ledger was lost', () => {
  it('are not carried out again; feedback and newer commands are', () => {
    expect(outdated([march, retried, wish, today])).toEqual([march, retried])
  })

  it('hold when the last of all is a cancel, whatever the order they are listed in', () => {
    expect(outdated([lastWord, march, retried])).toEqual([march, retried])
    expect(outdated([lastWord, march, retried, today])).toEqual([lastWord, march, retried])
  })

  it('hold also when somebody who may not steer said something after it', () => {
    expect(outdated([march, retried], [march])).toEqual([retried])
  })

  it('hold not when a later one was taken in already', () => {
    expect(outdated([march], [march, today])).toEqual([march])
  })

  it('are no matter for a task that was not adopted', () => {
    expect(outdated([march, retried], [march, retried], false)).toEqual([])
  })
})
