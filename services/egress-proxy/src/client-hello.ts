/**
 * Reads as much of a TLS ClientHello (RFC 8446, 4.1.2; RFC 6066, 3) as is needed to know which host it asks for. Pure: it
 * gets all bytes so far and is called again with more.
 */
export type ClientHello =
  /** More bytes are needed. */
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'hello'; readonly serverName: string | undefined; readonly encrypted: boolean }
  | { readonly kind: 'not-tls' }
  | { readonly kind: 'malformed' }

/** The largest hello that is waited for. With post-quantum key shares one has 2 KiB, with a session ticket a little more. */
export const MAX_HELLO_BYTES = 32 * 1024

const HANDSHAKE_RECORD = 22
const CLIENT_HELLO = 1
const MAX_RECORD_BYTES = 2 ** 14
const SERVER_NAME = 0
/** RFC 9849: the extension that hides the true server name. */
const ENCRYPTED_CLIENT_HELLO = 0xfe0d

export function parseClientHello(bytes: Buffer): ClientHello {
  const message = handshakeBytes(bytes)
  if (!Buffer.isBuffer(message)) return message
  if (message.length < 4) return incompleteWithin(bytes)
  if (message[0] !== CLIENT_HELLO) return { kind: 'malformed' }
  const length = message.readUIntBE(1, 3)
  if (length > MAX_HELLO_BYTES) return { kind: 'malformed' }
  if (message.length < 4 + length) return incompleteWithin(bytes)
  try {
    return readHello(createReader(message.subarray(4, 4 + length)))
  } catch (error) {
    if (error instanceof RangeError) return { kind: 'malformed' }
    throw error
  }
}

function incompleteWithin(bytes: Buffer): ClientHello {
  return bytes.length >= MAX_HELLO_BYTES ? { kind: 'malformed' } : { kind: 'incomplete' }
}

/** What the handshake records so far carry, put together: a hello may be split over several. */
function handshakeBytes(bytes: Buffer): Buffer | ClientHello {
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    // A second record of another kind cannot be part of the hello; the first byte decides whether this is TLS at all.
    if (bytes[at] !== HANDSHAKE_RECORD) return at === 0 ? { kind: 'not-tls' } : Buffer.concat(parts)
    if (bytes.length > at + 1 && bytes[at + 1] !== 3) return at === 0 ? { kind: 'not-tls' } : { kind: 'malformed' }
    if (bytes.length < at + 5) break
    const length = bytes.readUInt16BE(at + 3)
    if (length === 0 || length > MAX_RECORD_BYTES) return { kind: 'malformed' }
    parts.push(bytes.subarray(at + 5, at + 5 + length))
    at += 5 + length
  }
  return Buffer.concat(parts)
}

function readHello(hello: Reader): ClientHello {
  hello.take(2 + 32)
  hello.take(hello.number(1))
  hello.take(hello.number(2))
  hello.take(hello.number(1))
  if (hello.left() === 0) return { kind: 'hello', serverName: undefined, encrypted: false }
  const extensions = readExtensions(hello)
  const serverName = extensions.get(SERVER_NAME)
  return {
    kind: 'hello',
    serverName: serverName && readServerName(serverName),
    encrypted: extensions.has(ENCRYPTED_CLIENT_HELLO),
  }
}

function readExtensions(hello: Reader): ReadonlyMap<number, Buffer> {
  const all = createReader(hello.take(hello.number(2)))
  if (hello.left() > 0) throw new RangeError('bytes after the extensions')
  const extensions = new Map<number, Buffer>()
  while (all.left() > 0) {
    const type = all.number(2)
    const content = all.take(all.number(2))
    // Two of a kind are forbidden, and two parsers may choose differently among them.
    if (extensions.has(type)) throw new RangeError('an extension twice')
    extensions.set(type, content)
  }
  return extensions
}

/** The one host name of the list; any other content of it is malformed. */
function readServerName(content: Buffer): string {
  const extension = createReader(content)
  const names = createReader(extension.take(extension.number(2)))
  const type = names.number(1)
  const name = names.take(names.number(2))
  if (type !== 0 || name.length === 0 || names.left() > 0 || extension.left() > 0) throw new RangeError('server name')
  return name.toString('latin1')
}

type Reader = {
  /** Throws RangeError beyond the end, as the other method does. */
  readonly take: (length: number) => Buffer
  readonly number: (length: number) => number
  readonly left: () => number
}

function createReader(bytes: Buffer): Reader {
  let at = 0
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new RangeError('beyond the end')
    at += length
    return bytes.subarray(at - length, at)
  }
  return { take, number: (length) => take(length).readUIntBE(0, length), left: () => bytes.length - at }
}
