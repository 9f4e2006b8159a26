import type { IncomingMessage, ServerResponse } from 'node:http'

/** Newest requests kept. */
const MAX_KEPT = 5000

export type LoggedRequest = {
  readonly at: string
  readonly method: string
  /** Without query. */
  readonly path: string
  /** As sent; 0 when the connection was cut before. */
  readonly status: number
  /** Whose token it carried; absent for strangers. The token itself is never kept. */
  readonly user?: string
  readonly durationMs: number
}

export type RequestLog = {
  readonly add: (request: IncomingMessage, response: ServerResponse, path: string, user: string | undefined) => void
  readonly list: () => readonly LoggedRequest[]
}

export function createRequestLog(): RequestLog {
  const kept: LoggedRequest[] = []
  return {
    add: (request, response, path, user) => {
      const startedMs = Date.now()
      response.once('close', () => {
        kept.push({
          at: new Date(startedMs).toISOString(),
          method: request.method ?? '',
          path,
          status: response.writableFinished ? response.statusCode : 0,
          ...(user === undefined ? {} : { user }),
          durationMs: Date.now() - startedMs,
        })
        if (kept.length > MAX_KEPT) kept.shift()
      })
    },
    list: () => kept,
  }
}
