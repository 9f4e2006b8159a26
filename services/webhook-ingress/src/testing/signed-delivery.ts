import { createHmac } from 'node:crypto'
import recorded from '@octokit/webhooks-examples' with { type: 'json' }

export type SignedDelivery = { readonly body: Buffer; readonly headers: Record<string, string> }

/** The recorded payload of this event and action with its branch set, as GitHub's sender would have got it. */
export function recordedPayload(event: string, action: string, branch: string): Record<string, unknown> {
  const events = recorded as unknown as readonly { name: string; examples: readonly Record<string, unknown>[] }[]
  const found = events.find(({ name }) => name === event)?.examples.find((payload) => payload.action === action)
  if (found === undefined) throw new Error(`no recorded ${event} ${action}`)
  const payload = structuredClone(found) as { pull_request?: { head: { ref: string } } } & Record<string, unknown>
  if (payload.pull_request !== undefined) payload.pull_request.head.ref = branch
  return payload
}

/** Body and headers as GitHub sends them. */
export function signedDelivery(event: string, payload: unknown, secret: string): SignedDelivery {
  const body = Buffer.from(JSON.stringify(payload))
  return {
    body,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'GitHub-Hookshot/044aadd',
      'x-github-event': event,
      'x-github-delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958',
      'x-hub-signature-256': signatureOf(body, secret),
    },
  }
}

export function signatureOf(body: Uint8Array, secret: string): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
}
