import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import type { Hub } from '../hub.ts'
import { completeComment } from '../pull-requests/comment-json.ts'
import { completeIssue, completeIssueComment } from '../pull-requests/issue-json.ts'
import { fetchPull } from '../pull-requests/pull-json.ts'
import type { LocalRepository } from '../repositories.ts'
import { type JsonObject, jsonObjectSchema, normalised } from '../rest/context.ts'

const numbered = z.looseObject({ number: z.number() })
const eventSchema = z.looseObject({
  action: z.string().optional(),
  repository: z.looseObject({ full_name: z.string() }).optional(),
  pull_request: numbered.optional(),
  issue: numbered.optional(),
  review: z.looseObject({ state: z.string() }).optional(),
  comment: jsonObjectSchema.optional(),
})
type EmulatorEvent = z.infer<typeof eventSchema>

/** Events that this service makes itself, from git. */
const OWN_EVENTS = new Set(['push', 'create', 'delete'])

/** Whether a relayed event was signed by the emulator of this process. */
export function signedByEmulator(body: Buffer, header: string | undefined, secret: string): boolean {
  const expected = Buffer.from(`sha256=${createHmac('sha256', secret).update(body).digest('hex')}`)
  const given = Buffer.from(header ?? '')
  return given.length === expected.length && timingSafeEqual(given, expected)
}

/**
 * Takes an event of the emulator, completes it to what GitHub sends, and sends it to the receiver. It waits until the
 * request that caused it is through, so that all facts are there.
 */
export async function relayEvent(hub: Hub, event: string, payload: unknown): Promise<void> {
  const parsed = eventSchema.safeParse(payload)
  if (!parsed.success || OWN_EVENTS.has(event)) return
  const [owner = '', name = ''] = (parsed.data.repository?.full_name ?? '').split('/')
  const repository = hub.repositories.find(owner, name)
  if (repository === undefined) return
  await repository.exclusive(async () => {
    const [realEvent, complete] = await completeEvent(hub, repository, event, parsed.data)
    hub.deliveries.send(realEvent, complete)
  })
}

async function completeEvent(
  hub: Hub,
  repository: LocalRepository,
  event: string,
  payload: EmulatorEvent,
): Promise<readonly [string, JsonObject]> {
  const plain = jsonObjectSchema.parse(normalised(hub, payload, repository))
  const { permissions: _nobodys, ...repositoryPart } = jsonObjectSchema.parse(plain.repository)
  const complete: Record<string, unknown> = { ...plain, repository: repositoryPart }
  const issuePull = payload.issue !== undefined && repository.pulls.has(payload.issue.number)
  // GitHub tells of a pull request's labels and assignees by pull_request events.
  const realEvent = event === 'issues' && issuePull ? 'pull_request' : event
  const pullNumber = payload.pull_request?.number ?? (realEvent === event ? undefined : payload.issue?.number)
  if (pullNumber !== undefined) {
    complete.pull_request = await fetchPull(hub, repository, pullNumber)
    if (realEvent === 'pull_request') complete.number = pullNumber
    if (realEvent !== event) delete complete.issue
  } else if (payload.issue !== undefined) complete.issue = await completeIssue(hub, repository, plain.issue)
  if (payload.review !== undefined) complete.review = reviewPayload(jsonObjectSchema.parse(plain.review))
  if (payload.comment !== undefined && event === 'pull_request_review_comment') {
    complete.comment = await completeComment(hub, repository, payload.comment)
  } else if (payload.comment !== undefined) complete.comment = completeIssueComment(repository, plain.comment)
  return [realEvent, complete]
}

/** Reviews in payloads have their state in lower case and null for an empty body. */
function reviewPayload(review: JsonObject): JsonObject {
  const body = review.body === '' ? null : review.body
  return { ...review, body, state: String(review.state).toLowerCase() }
}
