import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Logger } from '@devbot/config'
import { CONTAINER_LABELS } from '@devbot/contracts'
import { type Answer, type Answerer, type Asked, failureOf } from './answer-call.ts'
import type { Hijacked } from './engine.ts'
import { joinStreams } from './join-streams.ts'
import { createRefusalLog } from './limited-log.ts'
import type { Labels } from './part-name.ts'
import { forbidden, Refusal, shown } from './refusal.ts'
import { checkHead } from './request-head.ts'
import { parseCall } from './routes.ts'
import { parseStrictJson } from './strict-json.ts'

const HEADERS_TIMEOUT_MS = 10_000
/** For head and body; the engine's answer has its own deadline. */
const REQUEST_TIMEOUT_MS = 20_000
const MAX_HEADER_BYTES = 8 * 1024
/** A connection on which nothing moves; longer than the engine's deadline, shorter than for ever. Not for raw streams. */
const IDLE_TIMEOUT_MS = 120_000
/** While an image is unpacked, a pull says nothing for minutes. */
const PULL_IDLE_TIMEOUT_MS = 600_000
/** Some per sandbox: its tool channel, commands, and calls under way. */
const MAX_CONNECTIONS = 512
/** Well below the time a service has to stop. */
const DRAIN_MS = 2_000

/**
 * The HTTP side: one request per connection, understood and checked before the engine hears of it, one answer. Node's
 * strict parser refuses what is not HTTP (both lengths, odd line ends); the rest is refused here.
 */
export function createGateServer(deps: {
  readonly answerer: Answerer
  readonly log: Logger
  readonly nowMs: () => number
}) {
  const { answerer, log } = deps
  const logRefusal = createRefusalLog(log, deps.nowMs)
  const used = new WeakSet<Duplex>()
  const server = createServer({
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: 1_000,
    maxHeaderSize: MAX_HEADER_BYTES,
    insecureHTTPParser: false,
    keepAlive: false,
  })
  server.maxConnections = MAX_CONNECTIONS
  server.timeout = IDLE_TIMEOUT_MS

  /** A second request on a connection was sent before the first one's answer said that it closes: somebody plays tricks. */
  const isFirst = (socket: Duplex) => {
    if (used.has(socket)) {
      logRefusal({ status: 400, why: 'a second request on one connection' })
      socket.destroy()
      return false
    }
    used.add(socket)
    return true
  }

  const read = async (request: IncomingMessage, signal: AbortSignal, note: Asked['note']): Promise<Asked> => {
    const call = parseCall(request.method ?? '', request.url ?? '')
    const { bodyBytes } = checkHead(call, request)
    const bytes = bodyBytes === 0 ? undefined : await readBody(request, bodyBytes, call.kind === 'exec-start')
    return { call, body: bytes === undefined ? undefined : parseStrictJson(bytes), signal, note }
  }

  /** Runs one request and turns whatever goes wrong into a Refusal, logged once. */
  const attempt = async <T>(request: IncomingMessage, work: (asked: Asked) => Promise<T>): Promise<T | Refusal> => {
    const gone = new AbortController()
    request.socket.once('close', () => gone.abort())
    const facts: Record<string, string> = { method: shown(request.method ?? ''), target: shown(request.url ?? '') }
    try {
      const result = await work(await read(request, gone.signal, (labels) => Object.assign(facts, ownerIn(labels))))
      log.debug(facts, 'request passed')
      return result
    } catch (error) {
      if (error instanceof Refusal) {
        logRefusal({ ...facts, status: error.status, why: error.message })
        return error
      }
      log.error({ ...facts, error }, 'docker-gate could not answer a request')
      return new Refusal(502, 'docker-gate could not read what the engine sent')
    }
  }

  const onRequest = async (request: IncomingMessage, response: ServerResponse) => {
    if (!isFirst(request.socket)) return
    const answer = await attempt(request, (asked) => {
      if (asked.call.kind === 'image-pull') request.socket.setTimeout(PULL_IDLE_TIMEOUT_MS)
      return answerer.answer(asked)
    })
    send(response, answer instanceof Refusal ? bodyOf(answer) : answer)
  }

  const onUpgrade = async (request: IncomingMessage, client: Socket, head: Buffer) => {
    // Before anything else: an upgraded socket's errors are nobody else's business.
    client.on('error', () => client.destroy())
    if (head.length > 0) client.unshift(head)
    if (!isFirst(client)) return
    const result = await attempt(request, async (asked) => {
      if (asked.call.kind !== 'exec-start') throw forbidden('an Upgrade of a call that has none')
      const started = await answerer.startExec(asked)
      if (started.kind === 'answer') throw failureOf(started)
      return started
    })
    if (result instanceof Refusal) return refuseRaw(client, result)
    startStream(client, result)
  }

  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  server.on('request', (request, response) => void onRequest(request, response))
  server.on('upgrade', (request, socket, head) => void onUpgrade(request, socket as Socket, head))
  // Expect is among the headers that are refused; without this Node would first invite the body.
  server.on('checkContinue', (request, response) => void onRequest(request, response))
  server.on('checkExpectation', (request, response) => void onRequest(request, response))
  server.on('connect', (_request, socket) => refuseRaw(socket as Socket, forbidden('CONNECT')))
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    logRefusal({ status: 400, why: 'not HTTP as Node takes it', code: error.code })
    refuseRaw(socket as Socket, new Refusal(400, 'docker-gate cannot read this as an HTTP request'))
  })
  return {
    server,
    /** Lets answers under way finish for a moment, then cuts what is left: raw streams, which their worker starts anew. */
    async close() {
      const closed = once(server, 'close')
      server.close()
      const cut = setTimeout(() => {
        for (const socket of open) socket.destroy()
      }, DRAIN_MS)
      await closed
      clearTimeout(cut)
    },
  }
}

/** Exactly the announced bytes. Node has checked the framing; a request that ends early ends with an error. */
async function readBody(request: IncomingMessage, bytes: number, isUpgrade: boolean): Promise<Buffer> {
  const timer = setTimeout(() => request.socket.destroy(), REQUEST_TIMEOUT_MS)
  try {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    // Node 26 reads an upgrade's body as any other; Node 24 leaves it on the socket, before the raw stream.
    const body = isUpgrade && chunks.length === 0 ? await readFrom(request.socket, bytes) : Buffer.concat(chunks)
    if (body.length !== bytes) throw forbidden('a body that is not as long as announced')
    return body
  } catch (cause) {
    if (cause instanceof Refusal) throw cause
    throw new Refusal(400, 'The request ended before its body did', { cause })
  } finally {
    clearTimeout(timer)
  }
}

async function readFrom(socket: Socket, bytes: number): Promise<Buffer> {
  for (;;) {
    const body: Buffer | null = socket.read(bytes)
    if (body !== null) return body
    if (socket.readableEnded || socket.destroyed) return Buffer.alloc(0)
    await once(socket, 'readable')
  }
}

function ownerIn(labels: Labels): Record<string, string> {
  const rows = {
    pod: CONTAINER_LABELS.pod,
    role: CONTAINER_LABELS.role,
    taskId: CONTAINER_LABELS.task,
    runId: CONTAINER_LABELS.run,
  }
  return Object.fromEntries(Object.entries(rows).map(([key, label]) => [key, shown(labels[label] ?? '')]))
}

const bodyOf = ({ status, message }: Refusal) => ({ status, body: { message } })

function send(response: ServerResponse, answer: Answer): void {
  response.setHeader('Connection', 'close')
  if ('progress' in answer) {
    response.writeHead(200, { 'Content-Type': 'application/json' })
    answer.progress.on('error', () => response.destroy())
    answer.progress.pipe(response)
    return
  }
  if ('bytes' in answer) {
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': answer.bytes.length })
    response.end(answer.bytes)
    return
  }
  const isText = typeof answer.body === 'string'
  const text = answer.body === undefined ? '' : isText ? String(answer.body) : JSON.stringify(answer.body)
  response.writeHead(answer.status, {
    ...(text !== '' && { 'Content-Type': isText ? 'text/plain; charset=utf-8' : 'application/json' }),
    ...(answer.status !== 204 && answer.status !== 304 && { 'Content-Length': Buffer.byteLength(text) }),
  })
  response.end(text)
}

/** For connections that Node no longer answers for us. */
function refuseRaw(socket: Socket, { status, message }: Refusal): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const text = JSON.stringify({ message })
  const head = [
    `HTTP/1.1 ${status} Refused`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`, () => socket.destroy())
}

const RAW_TYPES = ['application/vnd.docker.raw-stream', 'application/vnd.docker.multiplexed-stream']

function startStream(client: Socket, { socket, head, contentType }: Hijacked): void {
  const type = RAW_TYPES.find((known) => known === contentType) ?? 'application/vnd.docker.raw-stream'
  client.write(`HTTP/1.1 101 UPGRADED\r\nContent-Type: ${type}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`)
  if (head.length > 0) client.write(head)
  joinStreams(client, socket)
}
