import { createHmac, randomUUID } from 'node:crypto'
import { REPOSITORY } from '@devbot/demo'
import recorded from '@octokit/webhooks-examples' with { type: 'json' }

type Json = Record<string, unknown>

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function recordedExample(event: string, action: string): Json {
  const entries: unknown = recorded
  const found = (Array.isArray(entries) ? entries : [])
    .filter(isRecord)
    .filter((entry) => entry.name === event)
    .flatMap((entry) => (Array.isArray(entry.examples) ? entry.examples : []))
    .filter(isRecord)
    .find((example) => example.action === action)
  if (found === undefined) throw new Error(`no recorded ${event} ${action}`)
  return structuredClone(found)
}

/** A review as GitHub really sent one, moved to our repository and a branch of ours. */
export function recordedReview(change: {
  readonly branch: string
  readonly number: number
  readonly body?: string
}): Json {
  const payload = recordedExample('pull_request_review', 'submitted')
  const { review, pull_request: pull, repository } = payload
  if (!isRecord(review) || !isRecord(pull) || !isRecord(repository) || !isRecord(pull.head))
    throw new Error('the recorded review has another shape')
  const here = { ...repository, full_name: REPOSITORY, name: REPOSITORY.split('/')[1], id: 1 }
  return {
    ...payload,
    review: { ...review, state: 'changes_requested', body: change.body ?? 'Please change it.' },
    repository: here,
    pull_request: { ...pull, number: change.number, head: { ...pull.head, ref: change.branch, repo: here } },
  }
}

/** GitHub's id of the review in a delivery. */
export function reviewIdOf({ review }: Json): unknown {
  return isRecord(review) ? review.id : undefined
}

/** A POST as GitHub makes it; `secret` signs the very bytes that are sent. */
export function signedDelivery(event: string, payload: Json, secret: string): RequestInit {
  const body = JSON.stringify(payload)
  return {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      'x-github-event': event,
      'x-github-delivery': randomUUID(),
      'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
    },
  }
}
