import { request } from 'node:http'
import { DevBotError } from '@devbot/contracts'

/** Longest an engine, a gate or a proxy on this machine may take. */
const ASK_TIMEOUT_MS = 5_000
/** Answers are read up to here; `GET /version` has two kilobytes. */
const MAX_ANSWER_BYTES = 256 * 1024

export type SocketAnswer = { readonly status: number; readonly text: string }

/** One GET over a Unix socket. Throws category `transient`, code `socket-silent`, when nobody answers there. */
export function askSocket(socketPath: string, path: string): Promise<SocketAnswer> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) =>
      reject(
        new DevBotError({
          category: 'transient',
          code: 'socket-silent',
          message: `nobody answers at ${socketPath} (${'code' in cause ? String(cause.code) : cause.message})`,
          cause,
        }),
      )
    const question = request({ socketPath, path, host: 'localhost', timeout: ASK_TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > MAX_ANSWER_BYTES) question.destroy(new Error('the answer is too long'))
        else chunks.push(chunk)
      })
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
      )
      response.on('error', fail)
    })
    question.on('timeout', () => question.destroy(new Error(`no answer within ${ASK_TIMEOUT_MS / 1000} s`)))
    question.on('error', fail)
    question.end()
  })
}
