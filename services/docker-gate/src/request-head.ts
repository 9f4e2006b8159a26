import { forbidden, shown } from './refusal.ts'
import type { Call } from './routes.ts'

/** More than the largest body DevBot sends has by far; exec commands are the largest. */
export const MAX_BODY_BYTES = 64 * 1024

/**
 * The headers a client of ours sends. Everything else is refused, not skipped: transfer encodings, Expect, Trailer, TE,
 * registry credentials.
 */
const KNOWN_HEADERS = new Set([
  'host',
  'connection',
  'content-type',
  'content-length',
  'upgrade',
  'user-agent',
  'accept',
])

type Head = { readonly httpVersion: string; readonly rawHeaders: readonly string[] }

/** Checks the headers of an understood call and returns how long its body is. Throws a Refusal. */
export function checkHead(call: Call, head: Head): { readonly bodyBytes: number } {
  if (head.httpVersion !== '1.1') throw forbidden(`HTTP/${shown(head.httpVersion)}`)
  const headers = uniqueHeaders(head.rawHeaders)
  checkConnection(call, headers)
  const bodyBytes = bodyLength(headers.get('content-length'))
  if (bodyBytes > 0 && call.body === 'none') throw forbidden('a body where this call has none')
  if (bodyBytes === 0 && call.body === 'json') throw forbidden('this call needs a JSON body')
  if (bodyBytes > 0 && !/^application\/json(?:; ?charset=utf-8)?$/i.test(headers.get('content-type') ?? '')) {
    throw forbidden('a body that is not application/json')
  }
  return { bodyBytes }
}

function uniqueHeaders(raw: readonly string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] ?? '').toLowerCase()
    if (!KNOWN_HEADERS.has(name)) throw forbidden(`the header ${shown(name)}`)
    if (headers.has(name)) throw forbidden(`the header ${name} twice`)
    headers.set(name, raw[index + 1] ?? '')
  }
  return headers
}

/** Starting an exec turns the connection into a raw stream, as dockerode asks for it; nothing else may. */
function checkConnection(call: Call, headers: ReadonlyMap<string, string>): void {
  const connection = (headers.get('connection') ?? '').toLowerCase()
  const upgrade = headers.get('upgrade')
  if (call.kind === 'exec-start') {
    if (connection === 'upgrade' && upgrade === 'tcp') return
    throw forbidden('an exec is started with Connection: Upgrade and Upgrade: tcp')
  }
  if (upgrade !== undefined) throw forbidden('an Upgrade of a call that has none')
  if (!['', 'close', 'keep-alive'].includes(connection)) throw forbidden(`Connection: ${shown(connection)}`)
}

function bodyLength(text: string | undefined): number {
  if (text === undefined) return 0
  if (!/^(?:0|[1-9]\d{0,8})$/.test(text)) throw forbidden('a Content-Length that is not a plain number')
  const bytes = Number(text)
  if (bytes > MAX_BODY_BYTES) throw forbidden(`a body of ${bytes} bytes; ${MAX_BODY_BYTES} is the most`)
  return bytes
}
