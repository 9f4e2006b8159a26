import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'

/** Most faults waiting at once. */
const MAX_FAULTS = 100

export const faultSchema = z
  .strictObject({
    match: z.strictObject({
      /** Any method when absent. */
      method: z
        .string()
        .regex(/^[A-Z]+$/, 'expected a method in upper case')
        .optional(),
      /** Regular expression, searched in the path without query. */
      pathPattern: z.string().max(500).refine(isPattern, 'expected a regular expression'),
    }),
    /**
     * `status`: answer with this status instead. `reset`: cut the connection before anything is done. `delay`: wait,
     * then go on. `lose-answer`: do everything, then cut the connection instead of answering. `stale-list`: answer a
     * list with nothing in it, as a listing does that is behind.
     */
    action: z.enum(['status', 'reset', 'delay', 'lose-answer', 'stale-list']),
    status: z.int().min(400).max(599).optional(),
    /** Sent with `status`, such as `{"retry-after": "1"}`. */
    headers: z.record(z.string(), z.string()).optional(),
    delayMs: z.int().min(0).max(600_000).optional(),
    /** How many requests it strikes; 1 when absent. */
    times: z.int().min(1).max(1_000_000).default(1),
  })
  .refine((fault) => fault.action !== 'status' || fault.status !== undefined, 'expected a status')
  .refine((fault) => fault.action !== 'delay' || fault.delayMs !== undefined, 'expected delayMs')
type Fault = z.infer<typeof faultSchema>
export type FaultInput = z.input<typeof faultSchema>

export type Faults = {
  readonly add: (fault: Fault) => void
  readonly clear: () => void
  readonly list: () => readonly Fault[]
  /** Lets a waiting fault strike this request. `handled` means that there is nothing more to do. */
  readonly strike: (request: IncomingMessage, response: ServerResponse, path: string) => Promise<'handled' | 'go-on'>
}

/** Faults for tests, each for a number of matching requests; the oldest that matches strikes. */
export function createFaults(stopped: AbortSignal): Faults {
  let waiting: { readonly fault: Fault; left: number }[] = []
  const take = (method: string, path: string): Fault | undefined => {
    const found = waiting.find(({ fault }) => matches(fault, method, path))
    if (found === undefined) return undefined
    found.left -= 1
    waiting = waiting.filter(({ left }) => left > 0)
    return found.fault
  }
  return {
    add: (fault) => {
      waiting = [...waiting, { fault, left: fault.times }].slice(-MAX_FAULTS)
    },
    clear: () => {
      waiting = []
    },
    list: () => waiting.map(({ fault, left }) => ({ ...fault, times: left })),
    strike: async (request, response, path) => {
      const fault = take(request.method ?? 'GET', path)
      return fault === undefined ? 'go-on' : strike(fault, request, response, stopped)
    },
  }
}

function matches(fault: Fault, method: string, path: string): boolean {
  return (fault.match.method ?? method) === method && new RegExp(fault.match.pathPattern).test(path)
}

async function strike(
  fault: Fault,
  request: IncomingMessage,
  response: ServerResponse,
  stopped: AbortSignal,
): Promise<'handled' | 'go-on'> {
  if (fault.delayMs !== undefined) {
    // Stopping the service ends the wait early; the connection is closed then anyway.
    await delay(fault.delayMs, undefined, { signal: stopped }).catch(() => undefined)
  }
  switch (fault.action) {
    case 'delay':
      return 'go-on'
    case 'reset':
      cut(request)
      return 'handled'
    case 'status':
      // The body is read to its end, so that the client is not cut off while sending.
      request.resume()
      response.writeHead(fault.status ?? 500, { 'content-type': 'application/json', ...fault.headers })
      response.end(JSON.stringify({ message: 'A fault that a test asked for', status: String(fault.status) }))
      return 'handled'
    case 'lose-answer':
      loseAnswer(request, response)
      return 'go-on'
    case 'stale-list':
      request.resume()
      response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' })
      response.end('[]')
      return 'handled'
  }
}

/** Takes everything written to the response to nowhere, and cuts the connection when it would be complete. */
function loseAnswer(request: IncomingMessage, response: ServerResponse): void {
  const ofGit = /\/git-(upload|receive)-pack$/.test(request.url ?? '')
  response.write = () => true
  response.writeHead = () => response
  response.flushHeaders = () => undefined
  response.end = () => {
    if (ofGit) cutAfterStatus(request)
    else cut(request)
    return response
  }
}

/** curl, and so git, repeats a request by itself when a used connection ends without one byte of an answer. */
function cutAfterStatus(request: IncomingMessage): void {
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 1000\r\n\r\n'
  request.socket.write(head, () => request.socket.destroy())
}

function cut(request: IncomingMessage): void {
  request.socket.resetAndDestroy()
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text) !== undefined
  } catch {
    // A syntax error is the answer to the question.
    return false
  }
}
