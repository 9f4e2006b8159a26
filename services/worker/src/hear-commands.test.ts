import { feedbackIdFor, feedbackItemSchema, type InboxItem, inboxItemFor } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { type CommandEarDeps, hearCommands } from './hear-commands.ts'
import type { OwnedTask } from './own-task.ts'

const task = { id: 't0123456789ab', repository: 'octo-org/hello', planPath: 'a.md', status: 'in-review' }

function cancelBy(author: string, objectId: number): InboxItem {
  const identity = { repositoryId: 7, kind: 'conversation-comment', objectId, body: '/devbot cancel' } as const
  const id = feedbackIdFor(identity)
  const rest = { version: 1, pullNumber: 12, author, authorKind: 'user', submittedAt: '2026-01-01T00:00:00Z' }
  return inboxItemFor(feedbackItemSchema.parse({ ...identity, id, ...rest }))
}

/** An inbox as the ledger keeps it, and a GitHub that knows one writer; its answers wait for `gate`. */
function startEar({ gate = Promise.resolve() }: { readonly gate?: Promise<void> } = {}) {
  let inbox: readonly InboxItem[] = []
  let inboxSequence = 0
  let stops = 0
  const deps = {
    ledger: { snapshot: async () => ({ inbox, inboxSequence }), planTaskAt: async () => undefined },
    github: {
      login: async () => 'devbot',
      permissionOf: async (_name: string, login: string) => {
        await gate
        return login === 'writer' ? 'write' : 'none'
      },
    },
    log: { warn: () => undefined },
  } as object as CommandEarDeps
  const ear = hearCommands(
    deps,
    () => task as OwnedTask['task'],
    () => {
      stops += 1
    },
  )
  return {
    ear,
    stops: () => stops,
    come: (item: InboxItem) => {
      inbox = [...inbox, item]
      inboxSequence += 1
      return inboxSequence
    },
    takeAll: () => {
      inbox = []
    },
  }
}

describe('hearCommands', () => {
  it("hears a writer's command that comes when an outsider's, heard before, was taken out", async () => {
    const { ear, stops, come, takeAll } = startEar()
    ear.mayHave(come(cancelBy('outsider', 1)))
    await ear.heard()
    takeAll()
    expect(stops()).toBe(0)
    ear.mayHave(come(cancelBy('writer', 2)))
    await expect.poll(stops).toBe(1)
  })

  it('looks again before an effect when a command came during the look under way', async () => {
    const gate = Promise.withResolvers<void>()
    const { ear, stops, come } = startEar({ gate: gate.promise })
    ear.mayHave(come(cancelBy('outsider', 1)))
    await new Promise((resolve) => setTimeout(resolve, 10))
    come(cancelBy('writer', 2))
    const heard = ear.heard()
    gate.resolve()
    await heard
    expect(stops()).toBe(1)
  })
})
