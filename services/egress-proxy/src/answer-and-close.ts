import type { Duplex } from 'node:stream'

/** Enough for an answer to reach a forwarder on the same machine. */
const LINGER_MS = 1_000

/** Sends last bytes, throws away what still comes in, and closes whether the other side does or not. */
export function answerAndClose(client: Duplex, bytes: string | Buffer): void {
  client.on('error', () => client.destroy())
  const linger = setTimeout(() => client.destroy(), LINGER_MS)
  client.once('close', () => clearTimeout(linger))
  client.resume()
  client.end(bytes)
}
