import type { Request, Response } from 'express'

export const RETRY_AFTER_SECONDS = 5
/** How long the rest of a refused body is thrown away, so that the sender can read the answer first. */
const LINGER_MS = 2_000

/** Answers while the body may still be coming, keeps nothing of it, and cuts the connection when it does not end soon. */
export function refuseRequest(request: Request, response: Response, status: number, reason: string): void {
  if (status === 503) response.set('retry-after', String(RETRY_AFTER_SECONDS))
  response.status(status).json({ status: 'refused', reason })
  if (request.readableEnded) return
  const timer = setTimeout(() => request.socket.destroy(), LINGER_MS)
  request.once('close', () => clearTimeout(timer))
  request.resume()
}
