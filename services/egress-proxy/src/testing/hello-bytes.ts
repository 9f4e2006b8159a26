import { Duplex } from 'node:stream'
import { connect } from 'node:tls'

/** The ClientHello that Node's own TLS sends. */
export function realHello(options: { readonly servername?: string; readonly padding?: number }): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>()
  const wire = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      resolve(chunk)
      done()
    },
  })
  const ALPNProtocols = options.padding === undefined ? ['http/1.1'] : protocols(options.padding)
  const tls = connect({ socket: wire, ALPNProtocols, ...(options.servername && { servername: options.servername }) })
  tls.on('error', () => undefined)
  return promise.finally(() => tls.destroy())
}

function protocols(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${index}`.padStart(200, 'x'))
}

/** A hello put together by hand, with any extensions. */
export function handMadeHello(extensions: readonly (readonly [type: number, content: Buffer])[]): Buffer {
  const blocks = extensions.map(([type, content]) =>
    Buffer.concat([number(type, 2), number(content.length, 2), content]),
  )
  const all = Buffer.concat(blocks)
  const body = Buffer.concat([
    number(0x0303, 2),
    Buffer.alloc(32, 7),
    number(0, 1),
    number(2, 2),
    number(0x1301, 2),
    number(1, 1),
    number(0, 1),
    number(all.length, 2),
    all,
  ])
  return inRecords(Buffer.concat([number(1, 1), number(body.length, 3), body]), 2 ** 14)
}

/** Handshake bytes in records of at most `maxBytes`. */
export function inRecords(message: Buffer, maxBytes: number): Buffer {
  const records: Buffer[] = []
  for (let at = 0; at < message.length; at += maxBytes) {
    const part = message.subarray(at, at + maxBytes)
    records.push(number(22, 1), number(0x0301, 2), number(part.length, 2), part)
  }
  return Buffer.concat(records)
}

export function serverNameExtension(...names: readonly (string | readonly [type: number, name: string])[]): Buffer {
  const entries = names.map((entry) => {
    const [type, name] = typeof entry === 'string' ? [0, entry] : entry
    return Buffer.concat([number(type, 1), number(Buffer.byteLength(name, 'latin1'), 2), Buffer.from(name, 'latin1')])
  })
  const list = Buffer.concat(entries)
  return Buffer.concat([number(list.length, 2), list])
}

export function number(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  buffer.writeUIntBE(value, 0, bytes)
  return buffer
}
