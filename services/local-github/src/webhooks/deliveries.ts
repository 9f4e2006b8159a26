import { createHmac, randomUUID } from 'node:crypto'
import type { Log } from '../log.ts'
import type { WebhookTarget } from '../options.ts'

/** How long a receiver has to answer; GitHub's own limit (docs.github.com, "Best practices for using webhooks"). */
const ANSWER_TIMEOUT_MS = 10_000
/** Newest deliveries kept for `GET /_local/deliveries`. */
const MAX_KEPT = 1000

export type Delivery = {
  readonly id: string
  readonly event: string
  readonly action: string | undefined
  readonly deliveredAt: string
  readonly durationMs: number
  /** What the receiver answered; absent when it did not. */
  readonly statusCode?: number
  readonly ok: boolean
  readonly error?: string
}

export type Deliveries = {
  /** Sends an event to the receiver, if there is one. Returns at once; a failure is recorded, never repeated. */
  readonly send: (event: string, payload: Readonly<Record<string, unknown>>) => void
  /** Sends a recorded delivery once more under the same id, as the button on GitHub's page does. */
  readonly redeliver: (id: string) => Promise<Delivery | undefined>
  readonly setTarget: (target: WebhookTarget | undefined) => void
  readonly list: () => readonly Delivery[]
  /** Waits for deliveries under way. */
  readonly settled: () => Promise<void>
}

type Sent = { readonly id: string; readonly event: string; readonly action: string | undefined; readonly body: string }

export function createDeliveries(options: { readonly log: Log; readonly stopped: AbortSignal }): Deliveries {
  let target: WebhookTarget | undefined
  const sent = new Map<string, Sent>()
  const done: Delivery[] = []
  const underWay = new Set<Promise<unknown>>()

  const deliver = async (message: Sent, to: WebhookTarget): Promise<Delivery> => {
    const startedMs = Date.now()
    const result = await post(message, to, options.stopped)
    const { id, event, action } = message
    const deliveredAt = new Date(startedMs).toISOString()
    const delivery = { id, event, action, deliveredAt, durationMs: Date.now() - startedMs, ...result }
    if (!delivery.ok && !options.stopped.aborted) options.log.warn(delivery, 'a webhook delivery failed')
    done.push(delivery)
    if (done.length > MAX_KEPT) sent.delete(done.shift()?.id ?? '')
    return delivery
  }
  const start = (message: Sent, to: WebhookTarget): Promise<Delivery> => {
    const running = deliver(message, to).finally(() => underWay.delete(running))
    underWay.add(running)
    return running
  }
  return {
    send: (event, payload) => {
      if (target === undefined) return
      const action = typeof payload.action === 'string' ? payload.action : undefined
      const message = { id: randomUUID(), event, action, body: JSON.stringify(payload) }
      sent.set(message.id, message)
      void start(message, target)
    },
    redeliver: async (id) => {
      const message = sent.get(id)
      return message === undefined || target === undefined ? undefined : start(message, target)
    },
    setTarget: (next) => {
      target = next
    },
    list: () => done,
    settled: async () => {
      await Promise.allSettled(underWay)
    },
  }
}

async function post(
  message: Sent,
  target: WebhookTarget,
  stopped: AbortSignal,
): Promise<Pick<Delivery, 'ok' | 'statusCode' | 'error'>> {
  try {
    const response = await fetch(target.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'GitHub-Hookshot/local',
        'x-github-delivery': message.id,
        'x-github-event': message.event,
        'x-github-hook-id': '1',
        'x-github-hook-installation-target-type': 'repository',
        'x-hub-signature': `sha1=${signature('sha1', message.body, target.secret)}`,
        'x-hub-signature-256': `sha256=${signature('sha256', message.body, target.secret)}`,
      },
      body: message.body,
      redirect: 'manual',
      signal: AbortSignal.any([stopped, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
    })
    await response.body?.cancel()
    return { ok: response.ok, statusCode: response.status }
  } catch (error) {
    // A receiver that is down is an ordinary result here: it is recorded.
    return { ok: false, error: describe(error) }
  }
}

function signature(algorithm: 'sha1' | 'sha256', body: string, secret: string): string {
  return createHmac(algorithm, secret).update(body).digest('hex')
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause
  return cause instanceof Error && cause.message !== '' ? `${error.message}: ${cause.message}` : error.message
}
