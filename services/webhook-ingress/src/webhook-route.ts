import type { Logger } from '@devbot/config'
import { categoryOf, type TaskId } from '@devbot/contracts'
import { verifySignature } from '@devbot/github'
import type { FeedbackIntakeLedger, TaskQueue } from '@devbot/queue'
import type { Request, Response } from 'express'
import { type AcceptedDelivery, type AcceptRules, acceptDelivery } from './accept-delivery.ts'
import { createByteBudget } from './byte-budget.ts'
import { type BodyLimits, type ReadBody, readBody } from './read-body.ts'
import { createRecentIds } from './recent-ids.ts'
import { createRefusalLog } from './refusal-log.ts'
import { RETRY_AFTER_SECONDS, refuseRequest } from './refuse-request.ts'
import { withDeadline } from './with-deadline.ts'

export type WebhookOptions = AcceptRules & {
  readonly ledger: FeedbackIntakeLedger
  readonly queue: Pick<TaskQueue, 'wake'>
  /** The secrets that count now; two during rotation. */
  readonly secrets: () => readonly string[]
  readonly log: Logger
  readonly maxBodyBytes?: number
  readonly bodyTimeoutMs?: number
}

/** GitHub caps payloads at 25 MB (docs: webhook events and payloads); a little more, so that the cap is theirs. */
const MAX_BODY_BYTES = 25 * 1024 * 1024 + 64 * 1024
/** GitHub itself gives a delivery up after 10 s (docs: best practices for using webhooks). */
const BODY_TIMEOUT_MS = 10_000
/** Bodies held at once, in full-size ones. Deliveries are some 30 KB; this only bounds what strangers can take. */
const MAX_FULL_BODIES = 4
/** Time to store, so that a sender hears of a missing Redis within 3 s. */
const STORE_TIMEOUT_MS = 2_500
const REMEMBERED_DELIVERIES = 10_000

/**
 * `POST /webhook`: content type, size and signature before anything is parsed; 202 only when what the delivery says
 * is on disk (DESIGN.md section 10).
 */
export function createWebhookRoute(options: WebhookOptions): (request: Request, response: Response) => Promise<void> {
  const { log } = options
  const limits = bodyLimitsOf(options)
  const noteRefusal = createRefusalLog(log)
  const wasDelivered = createRecentIds(REMEMBERED_DELIVERIES)

  async function receive(request: Request, response: Response): Promise<void> {
    const refuse = (status: number, reason: string) => {
      noteRefusal(status)
      refuseRequest(request, response, status, reason)
    }
    const wrongType = contentTypeProblem(request)
    if (wrongType !== undefined) return refuse(415, wrongType)
    const body = await readBody(request, limits)
    if (body.kind === 'broken-off') return
    if (body.kind !== 'read') return refuse(...bodyRefusal(body.kind, limits))
    try {
      if (!isSigned(request, body.bytes, options.secrets())) return refuse(401, 'signature')
      await store(request, response, body.bytes)
    } finally {
      body.release()
    }
  }

  async function store(request: Request, response: Response, rawBody: Buffer): Promise<void> {
    const facts = deliveryFacts(request, wasDelivered)
    try {
      const storing = acceptDelivery({ rawBody, event: request.get('x-github-event') }, options.ledger, options)
      const accepted = await withDeadline(storing, STORE_TIMEOUT_MS, 'delivery-not-stored-in-time')
      answer(response, accepted)
      log.info({ ...facts, outcome: accepted.kind, ...reasonOf(accepted) }, 'delivery')
      if (accepted.kind === 'queued') await wakeAll(accepted.wake)
    } catch (error) {
      const level = categoryOf(error) === 'transient' ? 'warn' : 'error'
      log[level](
        { ...facts, error },
        'the delivery could not be stored; GitHub lists it as failed, the reconciler heals it',
      )
      response.set('retry-after', String(RETRY_AFTER_SECONDS))
      response.status(503).json({ status: 'refused', reason: 'it cannot be stored now' })
    }
  }

  async function wakeAll(taskIds: readonly TaskId[]): Promise<void> {
    for (const taskId of taskIds) {
      try {
        await options.queue.wake(taskId, 'delivery')
      } catch (error) {
        log.warn({ taskId, error }, 'the task was not woken; the sweeper will find its inbox')
      }
    }
  }

  return receive
}

function bodyLimitsOf(options: WebhookOptions): BodyLimits {
  const maxBytes = options.maxBodyBytes ?? MAX_BODY_BYTES
  const timeoutMs = options.bodyTimeoutMs ?? BODY_TIMEOUT_MS
  return { maxBytes, timeoutMs, budget: createByteBudget(MAX_FULL_BODIES * maxBytes) }
}

function contentTypeProblem(request: Request): string | undefined {
  const type = request.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') return "expected application/json; set the webhook's content type to it on GitHub"
  const encoding = request.get('content-encoding')?.trim().toLowerCase()
  return encoding === undefined || encoding === 'identity' ? undefined : 'expected no content encoding'
}

function bodyRefusal(
  kind: Exclude<ReadBody['kind'], 'read' | 'broken-off'>,
  { maxBytes, timeoutMs }: BodyLimits,
): [status: number, reason: string] {
  switch (kind) {
    case 'too-large':
      return [413, `expected at most ${maxBytes} bytes`]
    case 'too-slow':
      return [408, `expected the whole body within ${timeoutMs} ms`]
    case 'no-room':
      return [503, 'too many large requests at once']
  }
}

function isSigned(request: Request, rawBody: Buffer, secrets: readonly string[]): boolean {
  return verifySignature({ rawBody, header: request.get('x-hub-signature-256'), secrets })
}

function answer(response: Response, accepted: AcceptedDelivery): void {
  if (accepted.kind === 'malformed') response.status(400).json({ status: 'refused', ...reasonOf(accepted) })
  else response.status(202).json({ status: accepted.kind, ...reasonOf(accepted) })
}

function reasonOf(accepted: AcceptedDelivery): { readonly reason?: string } {
  return 'reason' in accepted ? { reason: accepted.reason } : {}
}

/** What the log says of a delivery. Both headers are unsigned, and so only shown when they look as they should. */
function deliveryFacts(request: Request, wasDelivered: (id: string) => boolean) {
  const shown = (text: string | undefined) => (text !== undefined && /^[\w-]{1,64}$/.test(text) ? text : 'unreadable')
  const deliveryId = shown(request.get('x-github-delivery'))
  return { deliveryId, event: shown(request.get('x-github-event')), idSeenBefore: wasDelivered(deliveryId) }
}
