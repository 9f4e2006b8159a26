import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitFor } from '@devbot/demo'

/** A delivery as GitHub signed and sent it; whoever has its bytes can send it again. */
export type RecordedDelivery = {
  readonly event: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

const SENT_HEADERS = ['content-type', 'x-github-event', 'x-github-delivery', 'x-hub-signature-256'] as const
/** Longest that a receiver which is being restarted is tried again. */
const PATIENCE_MS = 60_000

/** Takes GitHub's deliveries in the ingress' place and keeps them, for a test that decides when and how often they come. */
export async function startWebhookRecorder() {
  const kept: RecordedDelivery[] = []
  const server = createServer(async (incoming, response) => {
    const body = await buffer(incoming)
    const headers = Object.fromEntries(SENT_HEADERS.map((name) => [name, String(incoming.headers[name])]))
    kept.push({ event: headers['x-github-event'] ?? '', headers, body })
    response.writeHead(202).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('expected a port')
  return {
    url: `http://127.0.0.1:${address.port}/webhook`,
    /** Waits for so many deliveries of these events since the last time, and gives them in order of arrival. */
    take: async (count: number, events: readonly string[]): Promise<readonly RecordedDelivery[]> => {
      const wanted = () => kept.filter(({ event }) => events.includes(event))
      await waitFor(`${count} deliveries of ${events}`, async () => wanted().length >= count, {
        otherwise: async () => kept.map(({ event }) => event),
      })
      const taken = wanted()
      kept.length = 0
      return taken
    },
    close: async () => {
      server.close()
      await once(server, 'close')
    },
  }
}

/** Sends over this connection, again and again while nobody is there or cannot store; gives the answer's word. */
export async function sendUntilTaken(
  url: string,
  delivery: RecordedDelivery,
  options: { readonly agent?: Agent; readonly underNewId?: boolean } = {},
): Promise<string> {
  const headers = {
    ...delivery.headers,
    ...(options.underNewId === true ? { 'x-github-delivery': randomUUID() } : {}),
  }
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const answer = await post(url, headers, delivery.body, options.agent)
    if (answer?.status === 202) return JSON.parse(answer.text).status
    if (performance.now() > deadline) throw new Error(`not taken: ${JSON.stringify(answer)}`)
    await sleep(50)
  }
}

/** A connection that is kept open, as a sender's is. */
export function newConnection(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 1 })
}

function post(url: string, headers: Readonly<Record<string, string>>, body: Buffer, agent: Agent | undefined) {
  return new Promise<{ readonly status: number; readonly text: string } | undefined>((resolve) => {
    const sent = request(url, { method: 'POST', headers, ...(agent === undefined ? {} : { agent }) })
    sent.on('response', async (response) => {
      try {
        resolve({ status: response.statusCode ?? 0, text: (await buffer(response)).toString() })
      } catch {
        resolve(undefined) // killed while it answered: whether it has stored it is not known
      }
    })
    // Nobody is there at the moment.
    sent.on('error', () => resolve(undefined))
    sent.end(body)
  })
}
