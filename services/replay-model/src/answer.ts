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

/** Plays a fault that takes a reply's place. Resolves when nothing more will be written. */
export async function playFault(
  response: Response,
  fault: Exclude<Fault, { readonly delayMs: number }>,
  reply: Reply,
  options: { readonly stream: boolean; readonly requestId: string },
): Promise<void> {
  if ('status' in fault) {
    if (fault.retryAfterSeconds !== undefined) response.set('retry-after', String(fault.retryAfterSeconds))
    response
      .status(fault.status)
      .json(errorBody(fault.status, fault.message ?? 'replay: a recorded error', options.requestId))
    return
  }
  // Silence lasts until the client gives up or the server is stopped.
  if ('silent' in fault) return
  writeFirstHalf(response, reply, options.stream)
  if ('streamError' in fault && options.stream) {
    const error = { type: fault.streamError, message: 'replay: a recorded error' }
    writeEvent(response, { type: 'error', error, request_id: options.requestId })
    response.end()
    return
  }
  await wait(CUT_AFTER_MS)
  response.destroy()
}

function writeFirstHalf(response: Response, reply: Reply, stream: boolean): void {
  if (!stream) {
    const body = JSON.stringify(reply)
    response.type('json').set('content-length', String(Buffer.byteLength(body)))
    response.write(body.slice(0, body.length / 2))
    return
  }
  const events = streamEvents(reply)
  beginStream(response)
  for (const event of events.slice(0, Math.ceil(events.length / 2))) writeEvent(response, event)
}

function beginStream(response: Response): void {
  response.status(200).set({ 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })
  response.flushHeaders()
}

function writeEvent(response: Response, event: StreamEvent): void {
  response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
}
