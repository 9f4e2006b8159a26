import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request as it came in. */
export type SeenRequest = {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: unknown
}

/**
 * What to answer: a JSON reply, `broken` (the connection is reset after the request was taken), `cut` (it is reset in
 * the middle of the reply; with another status than 200: `{ cut: status }`) or `silent` (nothing ever comes).
 */
export type FakeAnswer =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly data?: unknown }
  | 'broken'
  | 'cut'
  | { readonly cut: number }
  | 'silent'

export type FakeGitHub = {
  readonly url: string
  readonly seen: readonly SeenRequest[]
  close(): Promise<void>
}

/**
 * A server that answers GitHub's API as the test says, for what no emulator shows: lost answers, rate limits, failing
 * servers, many pages. `answer` gets each request and what came before it.
 */
export async function startFakeGitHub(
  answer: (request: SeenRequest, before: readonly SeenRequest[]) => FakeAnswer,
): Promise<FakeGitHub> {
  const seen: SeenRequest[] = []
  const server = createServer(async (incoming, outgoing) => {
    const request = await readRequest(incoming)
    const before = [...seen]
    seen.push(request)
    const reply = answer(request, before)
    if (reply === 'silent') return
    if (reply === 'broken') return void incoming.socket.resetAndDestroy()
    if (reply === 'cut' || 'cut' in reply) {
      outgoing.writeHead(reply === 'cut' ? 200 : reply.cut, {
        'content-type': 'application/json',
        'content-length': '1000',
      })
      return void outgoing.write('[{"id":', () => setTimeout(() => incoming.socket.resetAndDestroy(), 20))
    }
    outgoing.writeHead(reply.status, { 'content-type': 'application/json; charset=utf-8', ...reply.headers })
    outgoing.end(reply.data === undefined ? '' : JSON.stringify(reply.data))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function readRequest(incoming: IncomingMessage): Promise<SeenRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString('utf8')
  const url = new URL(incoming.url ?? '/', 'http://fake')
  return {
    method: incoming.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    headers: incoming.headers,
    body: text === '' ? undefined : JSON.parse(text),
  }
}
