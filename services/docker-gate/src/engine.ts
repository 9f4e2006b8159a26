import { type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { Refusal } from './refusal.ts'

export type EngineRequest = {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Written by the gate from checked parts, never a client's text. */
  readonly path: string
  readonly body?: unknown
}

export type EngineReply = { readonly status: number; readonly body: unknown }

/** The engine's side of a raw connection, with what it sent beyond its head. */
export type Hijacked = {
  readonly kind: 'hijacked'
  readonly socket: Socket
  readonly head: Buffer
  readonly contentType: string
}

/** The Docker engine behind its socket. All methods throw a Refusal of status 502 to 504 when it does not answer. */
export interface Engine {
  ask(request: EngineRequest): Promise<EngineReply>
  /** An answer that may take long and is passed on as it comes (a pull's progress). */
  stream(request: EngineRequest, signal: AbortSignal): Promise<IncomingMessage>
  /** Starts an exec and takes the connection over, or says why the engine did not. */
  hijack(request: EngineRequest, signal: AbortSignal): Promise<Hijacked | ({ readonly kind: 'answer' } & EngineReply)>
}

/** A slow disk's removal of a full volume took seconds; beyond this the engine hangs. */
const ANSWER_TIMEOUT_MS = 60_000
/** A list of some thousand containers. */
const MAX_ANSWER_BYTES = 16 * 1024 ** 2

export function createEngine(socketPath: string): Engine {
  /** A connection for each request: nothing of one can reach into the next. */
  const send = (ask: EngineRequest, headers: OutgoingHttpHeaders, signal: AbortSignal) => {
    const text = ask.body === undefined ? undefined : Buffer.from(JSON.stringify(ask.body))
    const outgoing = request({
      method: ask.method,
      path: ask.path,
      signal,
      headers: {
        Host: 'docker',
        ...headers,
        ...(text !== undefined && { 'Content-Type': 'application/json' }),
        ...(ask.method === 'POST' && { 'Content-Length': text?.length ?? 0 }),
      },
      // Half-open, so that each direction of a raw stream ends by itself.
      createConnection: () => connect({ path: socketPath, allowHalfOpen: true }),
    })
    outgoing.end(text)
    return outgoing
  }
  return {
    async ask(ask) {
      try {
        const response = await responseTo(send(ask, { Connection: 'close' }, AbortSignal.timeout(ANSWER_TIMEOUT_MS)))
        return await replyFrom(response)
      } catch (error) {
        throw asRefusal(error)
      }
    },
    async stream(ask, signal) {
      try {
        return await responseTo(send(ask, { Connection: 'close' }, signal))
      } catch (error) {
        throw asRefusal(error)
      }
    },
    async hijack(ask, signal) {
      try {
        return await upgradeOf(send(ask, { Connection: 'Upgrade', Upgrade: 'tcp' }, signal))
      } catch (error) {
        throw asRefusal(error)
      }
    },
  }
}

type Outgoing = ReturnType<typeof request>

function responseTo(outgoing: Outgoing): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once('response', resolve)
    outgoing.on('error', reject)
    // Not asked for, so not the engine's business: a raw connection nobody holds would stay open.
    outgoing.once('upgrade', (_response, socket) => {
      socket.destroy()
      reject(new Refusal(502, 'The Docker engine changed the protocol without being asked'))
    })
  })
}

function upgradeOf(outgoing: Outgoing): ReturnType<Engine['hijack']> {
  return new Promise((resolve, reject) => {
    outgoing.on('error', reject)
    outgoing.once('upgrade', (response, socket: Socket, head) => {
      resolve({ kind: 'hijacked', socket, head, contentType: response.headers['content-type'] ?? '' })
    })
    outgoing.once('response', (response) => {
      replyFrom(response).then((reply) => resolve({ kind: 'answer', ...reply }), reject)
    })
  })
}

/** A whole answer: JSON where it says so, else text. */
export async function replyFrom(response: IncomingMessage): Promise<EngineReply> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_ANSWER_BYTES)
      throw new Refusal(502, `The Docker engine answered more than ${MAX_ANSWER_BYTES} bytes`)
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString('utf8')
  const isJson = response.headers['content-type']?.startsWith('application/json') === true && text !== ''
  return { status: response.statusCode ?? 502, body: isJson ? JSON.parse(text) : text }
}

function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  if (error instanceof Error && error.name === 'TimeoutError') {
    return new Refusal(504, `The Docker engine did not answer within ${ANSWER_TIMEOUT_MS / 1000} s`, { cause: error })
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'no answer that can be read'
  return new Refusal(502, `The Docker engine cannot be reached behind docker-gate (${code}); is it running?`, {
    cause: error,
  })
}
