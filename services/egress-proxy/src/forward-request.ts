import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import type { Refusal } from './judge-destination.ts'
import { openDestination } from './open-destination.ts'
import { authorityOf, type Destination, parseAuthority } from './parse-authority.ts'
import type { PodContext } from './pod-context.ts'
import { cleanHost, refusalText, statusMessageFor } from './refusal-text.ts'
import { systemCode } from './system-code.ts'

/** Headers between two neighbours only (RFC 9110, 7.6.1), and what is said to a proxy alone. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Answers one plain http request that names a whole URL: passed on where host and port are on the list. */
export async function forwardRequest(
  context: PodContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const target = targetOf(request)
  if (target.kind === 'no-proxy-request') {
    answer(response, 400, 'Bad Request', NO_PROXY_REQUEST)
  } else if (target.kind === 'refused') {
    context.refuse({ host: target.host, port: 0 }, target.refusal)
    answer(response, 400, statusMessageFor(target.refusal), refusalText(target.host, target.refusal))
  } else {
    await forwardTo(context, target, request, response)
  }
}

type Target =
  | { readonly kind: 'target'; readonly destination: Destination; readonly path: string }
  | { readonly kind: 'refused'; readonly host: string; readonly refusal: Refusal }
  | { readonly kind: 'no-proxy-request' }

const NO_PROXY_REQUEST =
  "This is DevBot's egress-proxy. It answers CONNECT host:443 and, where EGRESS_ALLOW holds host:80, requests for http://host/path.\n"

/** Where a request with a whole URL goes. Its Host header has to say the same. */
function targetOf(request: IncomingMessage): Target {
  const url = request.url ?? ''
  const [, scheme, authority = '', rest = ''] = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/i.exec(url) ?? []
  if (scheme === undefined) return { kind: 'no-proxy-request' }
  const host = cleanHost(authority)
  const refuse = (reason: string): Target => ({ kind: 'refused', host, refusal: { reason } })
  if (scheme.toLowerCase() !== 'http') return refuse('only http:// URLs are passed on, all else goes through CONNECT')
  const parsed = parseAuthority(authority, 80)
  if (!parsed.ok) return refuse(`the destination ${parsed.problem}`)
  if (!hostHeadersSay(request, parsed.destination)) return refuse('the Host header names another host')
  return { kind: 'target', destination: parsed.destination, path: rest.startsWith('/') ? rest : `/${rest}` }
}

function hostHeadersSay(request: IncomingMessage, destination: Destination): boolean {
  const values = request.headersDistinct.host ?? []
  const parsed = parseAuthority(values[0] ?? '', 80)
  return values.length === 1 && parsed.ok && authorityOf(parsed.destination) === authorityOf(destination)
}

async function forwardTo(
  context: PodContext,
  { destination, path }: Extract<Target, { readonly kind: 'target' }>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const opened = await openDestination(context.way, destination, gone.signal)
  if (opened.kind === 'refused') {
    context.refuse(destination, opened.refusal)
    const text = refusalText(authorityOf(destination), opened.refusal)
    answer(response, 403, statusMessageFor(opened.refusal), text)
    return
  }
  const problem =
    opened.kind === 'failed'
      ? opened.problem
      : await exchange({ destination, path, request, response, upstream: opened.socket, context })
  if (problem === undefined) return
  context.fail(problem)
  answer(response, 502, 'Bad Gateway', `DevBot's egress-proxy: ${problem}.\n`)
}

type Exchange = {
  readonly destination: Destination
  readonly path: string
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly upstream: Socket
  readonly context: PodContext
}

/** Passes the request on and its answer back. Returns what went wrong, when the client has not been answered yet. */
async function exchange({
  destination,
  path,
  request,
  response,
  upstream,
  context,
}: Exchange): Promise<string | undefined> {
  upstream.setTimeout(context.way.limits.idleTimeoutMs, () => upstream.destroy())
  response.once('close', () => upstream.destroy())
  const passed = httpRequest({
    createConnection: () => upstream,
    method: request.method ?? 'GET',
    path,
    headers: [
      'host',
      hostHeaderFor(destination),
      ...endToEnd(request.rawHeaders, ['host', 'expect', 'content-length']),
      ...bodyFraming(request),
    ],
  })
  const answered = Promise.withResolvers<IncomingMessage>()
  passed.once('response', answered.resolve).on('error', answered.reject)
  // A server that switches protocols unasked is hung up on without an error.
  passed.once('close', () => answered.reject(new Error('closed without an answer')))
  try {
    // A server may answer before the whole body was sent, and close; its answer is what counts.
    pipeline(request, passed).catch(answered.reject)
    const reply = await answered.promise
    response.writeHead(reply.statusCode ?? 502, reply.statusMessage ?? '', endToEnd(reply.rawHeaders, []))
    await pipeline(reply, response)
    return undefined
  } catch (error) {
    if (response.headersSent || response.destroyed) {
      response.destroy()
      return undefined
    }
    return `${authorityOf(destination)} gave no readable answer (${systemCode(error)})`
  } finally {
    upstream.destroy()
  }
}

/**
 * Where the body ends, always said anew by what Node's parser found: a request that names Content-Length among its
 * Connection headers would else go on without it, and its body be read as another request, for any host behind that address.
 */
function bodyFraming({ headers }: IncomingMessage): string[] {
  if (headers['transfer-encoding'] !== undefined) return ['transfer-encoding', 'chunked']
  const length = headers['content-length']
  return length === undefined ? [] : ['content-length', length]
}

function hostHeaderFor(destination: Destination): string {
  return authorityOf(destination).replace(/:80$/, '')
}

/** Name and value after name and value, without what is between neighbours only. */
function endToEnd(rawHeaders: readonly string[], alsoWithout: readonly string[]): string[] {
  const pairs: [string, string][] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) pairs.push([rawHeaders[at] ?? '', rawHeaders[at + 1] ?? ''])
  const named = pairs
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map((name) => name.trim().toLowerCase()))
  const dropped = new Set([...HOP_BY_HOP, ...alsoWithout, ...named])
  return pairs.filter(([name]) => !dropped.has(name.toLowerCase())).flat()
}

function answer(response: ServerResponse, status: number, statusMessage: string, text: string): void {
  if (response.destroyed || response.headersSent) return
  const headers = { 'content-type': 'text/plain; charset=utf-8', connection: 'close' }
  response.writeHead(status, statusMessage, headers).end(text)
}
