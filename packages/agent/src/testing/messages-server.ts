import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

type ReceivedRequest = {
  readonly url: string
  readonly atMs: number
  readonly headers: IncomingMessage['headers']
  readonly body: Record<string, unknown>
}
export type Answer = (response: ServerResponse, request: ReceivedRequest) => void | Promise<void>

/** A small HTTP server on loopback that answers `POST /v1/messages` with the given answers in order, the last one again and again. */
export async function startMessagesServer(answers: readonly Answer[]) {
  const requests: ReceivedRequest[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const received = {
      url: request.url ?? '',
      atMs: performance.now(),
      headers: request.headers,
      body: JSON.parse(Buffer.concat(chunks).toString()),
    }
    requests.push(received)
    await answers[Math.min(requests.length, answers.length) - 1]?.(response, received)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('expected a TCP address')
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** An HTTP error as the API words it. */
export function apiError(
  status: number,
  type: string,
  options: { headers?: Record<string, string>; errorCode?: string } = {},
): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', 'request-id': 'req_123', ...options.headers })
    const details = options.errorCode === undefined ? {} : { details: { error_code: options.errorCode } }
    response.end(JSON.stringify({ type: 'error', error: { type, message: 'words that may change', ...details } }))
  }
}

/** Server-sent events, one by one; what `after` does then decides how the stream ends. */
export function streamOf(
  events: readonly object[],
  after: (response: ServerResponse) => void = (response) => response.end(),
): Answer {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const event of events)
      response.write(`event: ${(event as { type: string }).type}\ndata: ${JSON.stringify(event)}\n\n`)
    after(response)
  }
}

type Part =
  | { readonly type: 'text'; readonly text: readonly string[] }
  | { readonly type: 'thinking'; readonly thinking: readonly string[]; readonly signature: string }
  | { readonly type: 'tool_use'; readonly id: string; readonly name: string; readonly json: readonly string[] }

/** The events of one reply, in the order in which the API sends them. */
export function replyEvents(
  parts: readonly Part[],
  options: { readonly stopReason?: string | null; readonly startUsage?: object; readonly endUsage?: object } = {},
): object[] {
  const {
    stopReason = 'end_turn',
    startUsage = { input_tokens: 10, output_tokens: 1 },
    endUsage = { output_tokens: 20 },
  } = options
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: startUsage,
  }
  return [
    { type: 'message_start', message },
    { type: 'ping' },
    ...parts.flatMap((part, index) => [
      { type: 'content_block_start', index, content_block: blockStart(part) },
      ...deltas(part).map((delta) => ({ type: 'content_block_delta', index, delta })),
      { type: 'content_block_stop', index },
    ]),
    { type: 'message_delta', delta: { stop_reason: stopReason, stop_sequence: null }, usage: endUsage },
    { type: 'message_stop' },
  ]
}

function blockStart(part: Part): object {
  if (part.type === 'text') return { type: 'text', text: '' }
  if (part.type === 'thinking') return { type: 'thinking', thinking: '', signature: '' }
  return { type: 'tool_use', id: part.id, name: part.name, input: {} }
}

function deltas(part: Part): readonly object[] {
  if (part.type === 'text') return part.text.map((text) => ({ type: 'text_delta', text }))
  if (part.type === 'tool_use') return part.json.map((partial_json) => ({ type: 'input_json_delta', partial_json }))
  return [
    ...part.thinking.map((thinking) => ({ type: 'thinking_delta', thinking })),
    { type: 'signature_delta', signature: part.signature },
  ]
}
