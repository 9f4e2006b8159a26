import { describe, expect, it } from 'vitest'
import { feedbackIdFor, feedbackItemSchema } from './feedback.ts'
import { inboxItemFor } from './inbox.ts'

function commentOf(body: string) {
  const identity = { repositoryId: 7, kind: 'conversation-comment', objectId: 3, body } as const
  return feedbackItemSchema.parse({
    version: 1,
    id: feedbackIdFor(identity),
    ...identity,
    pullNumber: 12,
    author: 'mona',
    authorKind: 'user',
    submittedAt: '2026-01-01T00:00:00Z',
  })
}

describe('inboxItemFor', () => {
  it("keeps of a command's text only the command, under the id of the whole text", () => {
    const item = commentOf(`${' '.repeat(60_000)}/DevBot \t Cancel\r\nWe do it by hand.`)
    expect(inboxItemFor(item)).toEqual({
      kind: 'comment-command',
      id: `command-${item.id}`,
      command: 'cancel',
      item: { ...item, body: '/devbot cancel' },
    })
  })

  it('leaves other comments as they are', () => {
    const item = commentOf('Please rename this.\n/devbot cancel')
    expect(inboxItemFor(item)).toEqual({ kind: 'feedback', id: item.id, item })
  })
})
