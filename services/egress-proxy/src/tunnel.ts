import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { answerAndClose } from './answer-and-close.ts'
import { MAX_HELLO_BYTES, parseClientHello } from './client-hello.ts'
import { judgeHello, type ReadHello } from './judge-hello.ts'
import { openDestination } from './open-destination.ts'
import { authorityOf, type Destination, parseAuthority } from './parse-authority.ts'
import type { PodContext } from './pod-context.ts'
import { cleanHost, plainAnswer, refusalText, statusMessageFor } from './refusal-text.ts'

/** A fatal TLS alert, access_denied (RFC 8446, 6): programs say so, instead of "connection reset". */
const ACCESS_DENIED_ALERT = Buffer.from([21, 3, 3, 0, 2, 2, 49])
/** A hello comes in one to three pieces; who sends it byte by byte only makes work. */
const MAX_HELLO_PIECES = 64

/** Answers one CONNECT: checks where it goes, connects, checks whom the TLS hello asks for, then passes bytes both ways. */
export async function openTunnel(
  context: PodContext,
  request: IncomingMessage,
  client: Duplex,
  head: Buffer,
): Promise<void> {
  client.on('error', () => client.destroy())
  const parsed = parseAuthority(request.url ?? '')
  if (!parsed.ok) {
    const host = cleanHost(request.url ?? '')
    const refusal = { reason: `the destination ${parsed.problem}` }
    context.refuse({ host, port: 0 }, refusal)
    answerAndClose(client, plainAnswer(400, statusMessageFor(refusal), refusalText(host, refusal)))
    return
  }
  const { destination } = parsed
  const opened = await openDestination(context.way, destination, whenClosed(client))
  if (opened.kind === 'refused') {
    context.refuse(destination, opened.refusal)
    const text = refusalText(authorityOf(destination), opened.refusal)
    answerAndClose(client, plainAnswer(403, statusMessageFor(opened.refusal), text))
  } else if (opened.kind === 'failed') {
    context.fail(opened.problem)
    answerAndClose(client, plainAnswer(502, 'Bad Gateway', `DevBot's egress-proxy: ${opened.problem}.\n`))
  } else {
    client.write('HTTP/1.1 200 Connection established\r\n\r\n')
    await passAfterHello(context, destination, { client, upstream: opened.socket, head })
  }
}

type Tunnel = { readonly client: Duplex; readonly upstream: Socket }

async function passAfterHello(
  context: PodContext,
  destination: Destination,
  { client, upstream, head }: Tunnel & { readonly head: Buffer },
): Promise<void> {
  const { limits } = context.way
  const first = await readHello(client, head, limits.helloTimeoutMs)
  if (first === undefined) {
    upstream.destroy()
    client.destroy()
    return
  }
  const refusal = judgeHello(destination, first.hello)
  if (refusal !== undefined) {
    context.refuse(destination, refusal)
    upstream.destroy()
    answerAndClose(client, ACCESS_DENIED_ALERT)
    return
  }
  upstream.write(first.bytes)
  passBytes({ client, upstream }, limits.idleTimeoutMs)
  const openedAtMs = Date.now()
  upstream.once('close', () => {
    const { bytesWritten, bytesRead } = upstream
    const facts = { to: authorityOf(destination), bytesOut: bytesWritten, bytesIn: bytesRead }
    context.log.debug({ ...facts, durationMs: Date.now() - openedAtMs }, 'tunnel closed')
  })
}

/** The bytes up to the end of the TLS hello; undefined when the client went away before. */
function readHello(
  client: Duplex,
  head: Buffer,
  timeoutMs: number,
): Promise<{ readonly hello: ReadHello; readonly bytes: Buffer } | undefined> {
  const { promise, resolve } = Promise.withResolvers<{ hello: ReadHello; bytes: Buffer } | undefined>()
  let bytes = head
  let pieces = 0
  const finish = (hello: ReadHello | undefined) => {
    clearTimeout(deadline)
    client.pause()
    client.off('data', onData).off('end', onEnd).off('close', onEnd)
    resolve(hello && { hello, bytes })
  }
  const look = () => {
    const hello = parseClientHello(bytes)
    if (hello.kind !== 'incomplete') finish(hello)
    else if (pieces >= MAX_HELLO_PIECES || bytes.length > MAX_HELLO_BYTES) finish({ kind: 'malformed' })
  }
  const onData = (piece: Buffer) => {
    bytes = Buffer.concat([bytes, piece])
    pieces += 1
    look()
  }
  const onEnd = () => finish(undefined)
  const deadline = setTimeout(() => finish({ kind: 'late' }), timeoutMs)
  client.on('data', onData).on('end', onEnd).on('close', onEnd)
  if (client.destroyed || client.readableEnded) onEnd()
  else look()
  return promise
}

/** Both ways with back-pressure; the end of one direction leaves the other open until it ends, too, or nothing moves. */
function passBytes({ client, upstream }: Tunnel, idleTimeoutMs: number): void {
  const destroyBoth = () => {
    client.destroy()
    upstream.destroy()
  }
  // Reads and writes both count as movement, so one side's clock stands for the tunnel.
  upstream.setTimeout(idleTimeoutMs, destroyBoth)
  upstream.on('error', destroyBoth)
  client.on('error', destroyBoth)
  upstream.once('close', () => closeAfter(upstream, client))
  client.once('close', () => closeAfter(client, upstream))
  client.pipe(upstream)
  upstream.pipe(client)
}

/** One side is gone: the other gets what was read from it before, and is closed. */
function closeAfter(gone: Duplex, other: Duplex): void {
  if (!gone.readableEnded || other.writableFinished) other.destroy()
  else other.once('finish', () => other.destroy())
}

function whenClosed(client: Duplex): AbortSignal {
  const controller = new AbortController()
  client.once('close', () => controller.abort())
  return controller.signal
}
