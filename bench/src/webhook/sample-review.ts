import { createHmac } from 'node:crypto'
import recorded from '@octokit/webhooks-examples' with { type: 'json' }

export const REPOSITORY = 'octo-org/hello'
export const EVENT = 'pull_request_review'

type Json = Record<string, unknown>

/** Stand in the recorded payload for what differs between deliveries. */
const ID_MARK = 900_719_925_474
const BRANCH_MARK = 'agent/branch-mark'
const NUMBER_MARK = 900_719_925_475

export type SignedReview = { readonly body: Buffer; readonly headers: Readonly<Record<string, string>> }

/**
 * Makes signed deliveries of the submitted review that GitHub's users recorded: real in size and shape, each with its
 * own review id, on the branch it is told. The text is put together, not serialised anew: a generator must be cheap.
 */
export function createReviewSigner(
  secret: string,
): (delivery: { readonly id: number; readonly branch: string; readonly pullNumber: number }) => SignedReview {
  const parts = JSON.stringify(markedPayload()).split(new RegExp(`(${ID_MARK}|${BRANCH_MARK}|${NUMBER_MARK})`))
  return ({ id, branch, pullNumber }) => {
    const values: Readonly<Record<string, string>> = {
      [ID_MARK]: String(id),
      [BRANCH_MARK]: branch,
      [NUMBER_MARK]: String(pullNumber),
    }
    const body = Buffer.from(parts.map((part) => values[part] ?? part).join(''))
    return {
      body,
      headers: {
        'content-type': 'application/json',
        'content-length': String(body.length),
        'user-agent': 'GitHub-Hookshot/bench',
        'x-github-event': EVENT,
        'x-github-delivery': `bench-${id}`,
        'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
      },
    }
  }
}

function markedPayload(): Json {
  const payload = recordedReview()
  const { review, pull_request: pull, repository } = payload
  if (!isRecord(review) || !isRecord(pull) || !isRecord(repository) || !isRecord(pull.head))
    throw new Error('expected the recorded review to hold a review, a pull request with its head, and a repository')
  const here = { ...repository, full_name: REPOSITORY, id: 1 }
  return {
    ...payload,
    review: { ...review, id: ID_MARK, state: 'changes_requested', body: 'Please change it.' },
    repository: here,
    pull_request: { ...pull, number: NUMBER_MARK, head: { ...pull.head, ref: BRANCH_MARK, repo: here } },
  }
}

function recordedReview(): Json {
  const events: unknown = recorded
  const found = (Array.isArray(events) ? events : [])
    .filter(isRecord)
    .filter(({ name }) => name === EVENT)
    .flatMap(({ examples }) => (Array.isArray(examples) ? examples : []))
    .filter(isRecord)
    .find(({ action }) => action === 'submitted')
  if (found === undefined) throw new Error(`expected a recorded ${EVENT} in @octokit/webhooks-examples, found none`)
  return found
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
