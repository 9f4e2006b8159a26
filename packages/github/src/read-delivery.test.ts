import { type InboxItem, inboxItemSchema, type RepositoryName, repositoryNameSchema } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { USED_EVENTS } from './delivery-payloads.ts'
import { type Delivery, readDelivery } from './read-delivery.ts'
import { type RecordedDelivery, recordedDeliveries } from './testing/recorded-deliveries.ts'

const allowedRepositories: readonly RepositoryName[] = [repositoryNameSchema.parse('codertocat/hello-world')]
/** The recordings' branch is `changes`. */
const rules = { allowedRepositories, branchPrefix: 'chang' }
const read = ({ event, payload }: RecordedDelivery, more = {}) => readDelivery({ event, payload, ...rules, ...more })

/** A recorded delivery with some values changed; keys are paths like `review.state`. */
function recordedOf(event: string, action: string, changes: Record<string, unknown> = {}): RecordedDelivery {
  const found = recordedDeliveries(event).find(({ payload }) => payload.action === action)
  if (found === undefined) throw new Error(`no recorded ${event} ${action}`)
  for (const [path, value] of Object.entries(changes)) setAt(found.payload, path.split('.'), value)
  return found
}

function setAt(object: Record<string, unknown>, [key = '', ...rest]: string[], value: unknown): void {
  if (rest.length === 0) object[key] = value
  else setAt(object[key] as Record<string, unknown>, rest, value)
}

function itemOf(delivery: Delivery): InboxItem {
  if (delivery.kind !== 'items' || delivery.items[0] === undefined) throw new Error(JSON.stringify(delivery))
  return delivery.items[0]
}

describe('readDelivery over all recorded payloads', () => {
  it('calls none of them malformed', () => {
    const all = recordedDeliveries()
    expect(all.length).toBeGreaterThan(250)
    expect(all.filter((one) => read(one).kind === 'malformed').map((one) => one.event)).toEqual([])
  })

  it('finds items exactly in the used actions', () => {
    const used = recordedDeliveries()
      .filter((one) => read(one).kind === 'items')
      .map(({ event, payload }) => `${event} ${payload.action}`)
    expect([...new Set(used)].sort()).toEqual([
      'pull_request closed',
      'pull_request reopened',
      'pull_request_review submitted',
      'pull_request_review_comment created',
      'pull_request_review_comment edited',
    ])
  })

  it('gives items that fit the contract and the same ones each time', () => {
    for (const one of recordedDeliveries()) {
      const delivery = read(one)
      if (delivery.kind !== 'items') continue
      for (const item of delivery.items) expect(inboxItemSchema.parse(item)).toEqual(item)
      expect(read(one)).toEqual(delivery)
    }
  })

  it('does not believe an event header that disagrees with the body', () => {
    for (const one of recordedDeliveries()) {
      for (const event of [...USED_EVENTS, 'push', 'ping']) {
        if (event !== one.event) expect(read({ ...one, event }).kind).not.toBe('items')
      }
    }
  })

  it('ignores all of them when another repository is allowed', () => {
    const others = { allowedRepositories: [repositoryNameSchema.parse('codertocat/hello-world2')] }
    for (const one of recordedDeliveries()) expect(read(one, others).kind).toBe('ignored')
  })
})

describe('readDelivery', () => {
  it('reads a review as one item, on branch and number, with the allowed name’s spelling', () => {
    const changes = { 'review.body': 'Please rename it', 'review.state': 'changes_requested' }
    const delivery = read(recordedOf('pull_request_review', 'submitted', changes))
    expect(delivery).toMatchObject({
      kind: 'items',
      target: { repository: 'codertocat/hello-world', branch: 'changes', pullNumber: 2 },
      items: [
        {
          kind: 'feedback',
          item: {
            kind: 'review',
            repositoryId: 186853002,
            objectId: 237895671,
            author: 'Codertocat',
            authorKind: 'user',
            body: 'Please rename it',
            reviewState: 'changes-requested',
            submittedAt: '2019-05-15T15:20:38Z',
          },
        },
      ],
    })
  })

  it('takes the review state in upper case for the same', () => {
    const upper = read(recordedOf('pull_request_review', 'submitted', { 'review.state': 'CHANGES_REQUESTED' }))
    const lower = read(recordedOf('pull_request_review', 'submitted', { 'review.state': 'changes_requested' }))
    expect(upper).toEqual(lower)
  })

  it('reads an inline comment with path, hunk, review and the comment it answers', () => {
    const changes = { 'comment.in_reply_to_id': 7, 'comment.line': 3, 'comment.side': 'RIGHT' }
    expect(itemOf(read(recordedOf('pull_request_review_comment', 'created', changes)))).toMatchObject({
      item: { path: 'README.md', hunk: '@@ -1 +1 @@\n-# Hello-World', reviewId: 237895671, inReplyToId: 7, line: 3 },
    })
  })

  it.each([
    ['outdated', { 'comment.line': null }],
    ['on the old side', { 'comment.line': 3, 'comment.side': 'LEFT' }],
  ])('gives an inline comment that is %s no line', (_what, changes) => {
    const item = itemOf(read(recordedOf('pull_request_review_comment', 'created', changes)))
    expect(item).not.toHaveProperty('item.line')
  })

  it('makes a new item of an edited comment, and none of an edit that is delivered again', () => {
    const created = itemOf(read(recordedOf('pull_request_review_comment', 'created')))
    const edited = itemOf(
      read(recordedOf('pull_request_review_comment', 'edited', { 'comment.body': 'Now different' })),
    )
    const again = itemOf(read(recordedOf('pull_request_review_comment', 'edited', { 'comment.body': 'Now different' })))
    expect(edited.id).not.toBe(created.id)
    expect(again.id).toBe(edited.id)
  })

  it('reads a conversation comment on a pull request, by number only', () => {
    const delivery = read(recordedOf('issue_comment', 'created', { 'issue.pull_request': { url: 'https://x' } }))
    expect(delivery).toMatchObject({ kind: 'items', items: [{ item: { kind: 'conversation-comment' } }] })
    expect(delivery).toHaveProperty('target', { repository: 'codertocat/hello-world', pullNumber: 1 })
  })

  it.each([
    ['closed', 'closed', {}, 'pull-2-closed-2019-05-15T15:21:18Z'],
    [
      'closed',
      'merged',
      { 'pull_request.merged': true, 'pull_request.merged_at': '2019-05-15T15:20:42Z' },
      'pull-2-merged-2019-05-15T15:20:42Z',
    ],
    ['reopened', 'reopened', {}, undefined],
  ])('reads a %s pull request as %s, named by the payload’s own time', (action, expected, changes, id) => {
    const item = itemOf(read(recordedOf('pull_request', action, changes)))
    expect(item).toMatchObject({ kind: 'pull-request', action: expected, pullNumber: 2, actor: 'Codertocat' })
    if (id !== undefined) expect(item.id).toBe(id)
  })

  it.each([
    ['a branch without our prefix', 'pull_request_review', { 'pull_request.head.ref': 'feature/x' }],
    ['a branch name outside our grammar', 'pull_request_review', { 'pull_request.head.ref': 'changes/$(id)' }],
    ['a fork', 'pull_request_review', { 'pull_request.head.repo.id': 1 }],
    ['a deleted fork', 'pull_request_review', { 'pull_request.head.repo': null }],
    ['a bot’s review', 'pull_request_review', { 'review.user.type': 'Bot' }],
    [
      'a review that is not submitted',
      'pull_request_review',
      { 'review.submitted_at': null, 'review.state': 'pending' },
    ],
  ])('ignores %s and says why', (_what, event, changes) => {
    expect(read(recordedOf(event, 'submitted', changes))).toEqual({ kind: 'ignored', reason: expect.any(String) })
  })

  it('ignores what we wrote ourselves, in any spelling of the login', () => {
    const delivery = read(recordedOf('pull_request_review', 'submitted'), { ownLogin: 'CODERTOCAT' })
    expect(delivery).toEqual({ kind: 'ignored', reason: 'written by ourselves' })
  })

  it('takes a deleted account’s comment for one of a nobody', () => {
    const item = itemOf(read(recordedOf('pull_request_review_comment', 'created', { 'comment.user': null })))
    expect(item).toMatchObject({ item: { author: 'ghost' } })
  })

  it('cuts a body at the contract’s limit', () => {
    const item = itemOf(read(recordedOf('pull_request_review', 'submitted', { 'review.body': 'x'.repeat(70_000) })))
    expect(inboxItemSchema.safeParse(item).success).toBe(true)
  })

  it.each([[null], [[]], ['text'], [7], [undefined], [{}]])('calls %j malformed or ignored, never items', (payload) => {
    for (const event of [...USED_EVENTS, 'push', '', undefined, 'Pull_Request', 'a b', 'x'.repeat(100)]) {
      expect(readDelivery({ event, payload, ...rules }).kind).not.toBe('items')
    }
  })

  it('does not take inherited properties for the payload’s own', () => {
    const { event, payload } = recordedOf('pull_request_review', 'submitted')
    expect(readDelivery({ event, payload: Object.create(payload), ...rules }).kind).toBe('malformed')
  })
})

describe('readDelivery under fire', () => {
  const strange = [
    null,
    undefined,
    0,
    -1,
    1.5,
    2 ** 60,
    '',
    'x',
    '\u0000',
    true,
    [],
    {},
    { login: {} },
    'x'.repeat(5000),
  ]

  it('never throws and never gives a broken item, whatever replaces the fields of a payload', () => {
    const random = seededRandom(20261122)
    const originals = USED_EVENTS.flatMap((event) => recordedDeliveries(event))
    let survived = 0
    for (let round = 0; round < 4000; round += 1) {
      const original = originals[Math.floor(random() * originals.length)]
      if (original === undefined) continue
      const payload = structuredClone(original.payload)
      for (let change = 0; change <= random() * 3; change += 1) mutate(payload, random, strange)
      const delivery = readDelivery({ event: original.event, payload, ...rules })
      if (delivery.kind !== 'items') continue
      survived += 1
      for (const item of delivery.items) expect(inboxItemSchema.safeParse(item).success).toBe(true)
    }
    expect(survived).toBeGreaterThan(100)
  })
})

/** Replaces or removes one field on a random path. */
function mutate(object: Record<string, unknown>, random: () => number, strange: readonly unknown[]): void {
  const keys = Object.keys(object)
  const key = keys[Math.floor(random() * keys.length)]
  if (key === undefined) return
  const value = object[key]
  const goDeeper = typeof value === 'object' && value !== null && !Array.isArray(value) && random() < 0.85
  if (goDeeper) mutate(value as Record<string, unknown>, random, strange)
  else if (random() < 0.2) delete object[key]
  else object[key] = strange[Math.floor(random() * strange.length)]
}

/** The same numbers in each run, so that a failure can be repeated (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
