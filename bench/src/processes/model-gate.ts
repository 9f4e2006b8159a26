import { once } from 'node:events'
import { createServer, request } from 'node:http'

export type ModelGate = {
  readonly url: string
  /** Where requests go on to; to be set before the first one. */
  readonly forwardTo: (url: string) => void
  /** When the next `POST /v1/messages` arrives, UTC milliseconds with fractions. To be asked for before it is caused. */
  readonly nextRequest: () => Promise<number>
  readonly close: () => Promise<void>
}

/** Stands in front of the replayed model and notes when the head of each request arrives. */
export async function startModelGate(): Promise<ModelGate> {
  let target = ''
  let waiting: ((atMs: number) => void)[] = []
  const server = createServer((incoming, answer) => {
    if (incoming.method === 'POST' && incoming.url?.startsWith('/v1/messages')) {
      const atMs = performance.timeOrigin + performance.now()
      for (const resolve of waiting) resolve(atMs)
      waiting = []
    }
    const { method, headers } = incoming
    const onward = request(new URL(incoming.url ?? '/', target), { method, headers }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers)
      reply.pipe(answer)
    })
    onward.once('error', () => answer.destroy())
    incoming.pipe(onward)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    forwardTo: (url) => {
      target = url
    },
    nextRequest: () => new Promise((resolve) => waiting.push(resolve)),
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
