import { connect } from 'node:net'
import { text } from 'node:stream/consumers'

export type RawAnswer = { readonly status: number | undefined; readonly message: string; readonly text: string }

/** Sends bytes as they are and collects what comes back until the other side closes. No answer has no status. */
export async function sendRaw(socketPath: string, bytes: string | Uint8Array): Promise<RawAnswer> {
  const socket = connect({ path: socketPath, allowHalfOpen: true })
  socket.setTimeout(15_000, () => socket.destroy(new Error('the gate neither answered nor closed')))
  socket.write(bytes)
  try {
    const answer = await text(socket)
    const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(answer) ?? []
    const body = answer.slice(answer.indexOf('\r\n\r\n') + 4)
    const [, message = ''] = /"message":"((?:[^"\\]|\\.)*)"/.exec(body) ?? []
    return { status: status === undefined ? undefined : Number(status), message, text: answer }
  } catch (error) {
    // Cut off without an answer is an answer too; everything else is not.
    if (error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE')) {
      return { status: undefined, message: '', text: '' }
    }
    throw error
  } finally {
    socket.destroy()
  }
}

/** A request as dockerode writes it, with whatever is to be wrong about it. */
export function request(
  method: string,
  target: string,
  options: { readonly body?: unknown; readonly rawBody?: string | Buffer; readonly headers?: readonly string[] } = {},
): Buffer {
  const body = Buffer.from(options.rawBody ?? (options.body === undefined ? '' : JSON.stringify(options.body)))
  const ownHeaders = options.headers ?? ['Connection: close']
  const head = [
    `${method} ${target} HTTP/1.1`,
    'Host: docker',
    ...ownHeaders,
    ...(body.length > 0 && !ownHeaders.some((line) => /^content-type:/i.test(line))
      ? ['Content-Type: application/json']
      : []),
    ...(body.length > 0 && !ownHeaders.some((line) => /^(content-length|transfer-encoding):/i.test(line))
      ? [`Content-Length: ${body.length}`]
      : []),
  ]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), body])
}

export const UPGRADE = ['Connection: Upgrade', 'Upgrade: tcp'] as const
