import { setTimeout as wait } from 'node:timers/promises'
import type { Response } from 'express'
import { errorBody } from './refusal.ts'
import type { Reply } from './reply.ts'
import { type StreamEvent, streamEvents } from './stream-events.ts'
import type { Fault } from './trajectory.ts'

/** How long a response may take to be cut after its first bytes were written: they should reach the client first. */
const CUT_AFTER_MS = 20

/** Sends a reply whole or as a stream, as the request asked. */
export function sendReply(response: Response, reply: Reply, stream: boolean): void {
  if (!stream) {
    response.json(reply)
    return
  }
  beginStream(response)
  for (const event of streamEvents(reply)) writeEvent(response, event)
  response.end()
}

type Played = Exclude<Fault, { readonly delayMs: number }>
type Asked = { readonly stream: boolean; readonly requestId: string }

/** Plays a fault that takes a reply's place. Resolves when nothing more will be written. */
export async function playFault(response: Response, fault: Played, reply: Reply, asked: Asked): Promise<void> {
  if ('status' in fault) return sendError(response, fault, asked.requestId)
  // Silence lasts until the client gives up or the server is stopped.
  if ('silent' in fault) return
  const broken = writeBeginning(response, reply, { stream: asked.stream, events: eventsBefore(fault) })
  if (!asked.stream || 'cut' in fault) {
    await wait(CUT_AFTER_MS)
    response.destroy()
    return
  }
  if ('garbled' in fault) response.write(`event: ${broken?.type ?? 'ping'}\ndata: {"type": oops\n\n`)
  if ('streamError' in fault) {
    const error = { type: fault.streamError, message: 'replay: a recorded error' }
    writeEvent(response, { type: 'error', error, request_id: asked.requestId })
  }
  response.end()
}

function sendError(response: Response, fault: Extract<Played, { readonly status: number }>, requestId: string): void {
  const { status, retryAfterSeconds, retryAfterMs, retryAfterDateSeconds } = fault
  if (retryAfterSeconds !== undefined) response.set('retry-after', String(retryAfterSeconds))
  if (retryAfterMs !== undefined) response.set('retry-after-ms', String(retryAfterMs))
  if (retryAfterDateSeconds !== undefined)
    response.set('retry-after', new Date(Date.now() + retryAfterDateSeconds * 1000).toUTCString())
  const message = fault.message ?? 'replay: a recorded error'
  response.status(status)
  if (fault.page === true) response.type('html').send(`<h1>${status}</h1>`)
  else response.json(errorBody(status, message, requestId, { type: fault.errorType, code: fault.errorCode }))
}

/** Events that are sent before the trouble; undefined: half of them. */
function eventsBefore(fault: Played): number | undefined {
  if ('endAfter' in fault) return fault.endAfter
  return 'cut' in fault && fault.cut !== true ? fault.cut : undefined
}

/** Writes the beginning of a reply, and gives the event that would have come next. */
function writeBeginning(
  response: Response,
  reply: Reply,
  { stream, events }: { readonly stream: boolean; readonly events: number | undefined },
): StreamEvent | undefined {
  if (!stream) {
    const body = JSON.stringify(reply)
    response.type('json').set('content-length', String(Buffer.byteLength(body)))
    response.write(body.slice(0, body.length / 2))
    return undefined
  }
  const all = streamEvents(reply)
  const sent = events ?? Math.ceil(all.length / 2)
  beginStream(response)
  for (const event of all.slice(0, sent)) writeEvent(response, event)
  return all[sent]
}

function beginStream(response: Response): void {
  response.status(200).set({ 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })
  response.flushHeaders()
}

function writeEvent(response: Response, event: StreamEvent): void {
  response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
}
