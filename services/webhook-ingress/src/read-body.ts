import type { IncomingMessage } from 'node:http'
import type { ByteBudget } from './byte-budget.ts'

export type BodyLimits = {
  readonly maxBytes: number
  /** From now to the body's last byte. */
  readonly timeoutMs: number
  readonly budget: ByteBudget
}

export type ReadBody =
  /** `release` gives the bytes back to the budget; to be called once they are no longer used. */
  | { readonly kind: 'read'; readonly bytes: Buffer; readonly release: () => void }
  | { readonly kind: 'too-large' | 'too-slow' | 'no-room' | 'broken-off' }

/**
 * Reads a request's raw body within size, time and the memory of all requests together. It never throws; once a limit
 * is reached nothing more is kept.
 */
export function readBody(request: IncomingMessage, limits: BodyLimits): Promise<ReadBody> {
  if (Number(request.headers['content-length']) > limits.maxBytes) return Promise.resolve({ kind: 'too-large' })
  const { budget } = limits
  const chunks: Buffer[] = []
  let bytes = 0
  return new Promise((resolve) => {
    const end = (body: ReadBody) => {
      clearTimeout(timer)
      request.off('data', keep).off('end', finish).off('error', breakOff).off('close', breakOff)
      // Without a listener a late error of a connection that is given up would end the process.
      request.on('error', () => undefined)
      if (body.kind !== 'read') budget.giveBack(bytes)
      resolve(body)
    }
    const keep = (chunk: Buffer) => {
      if (bytes + chunk.length > limits.maxBytes) return end({ kind: 'too-large' })
      if (!budget.take(chunk.length)) return end({ kind: 'no-room' })
      bytes += chunk.length
      chunks.push(chunk)
    }
    const finish = () =>
      end({ kind: 'read', bytes: Buffer.concat(chunks, bytes), release: () => budget.giveBack(bytes) })
    const breakOff = () => end({ kind: 'broken-off' })
    const timer = setTimeout(() => end({ kind: 'too-slow' }), limits.timeoutMs)
    request.on('data', keep).on('end', finish).on('error', breakOff).on('close', breakOff)
  })
}
