import type { Socket } from 'node:net'

/** A side that got the other's end and stays silent this long is gone. */
const LINGER_MS = 30_000

/**
 * Joins two sockets as one raw stream: each direction with its own back-pressure and its own end, for as long as it
 * takes. An error or a sudden close on one side destroys both.
 */
export function joinStreams(client: Socket, engine: Socket): void {
  const destroyBoth = () => {
    client.destroy()
    engine.destroy()
  }
  for (const socket of [client, engine]) {
    socket.setTimeout(0)
    socket.setNoDelay(true)
    socket.on('error', destroyBoth)
  }
  client.pipe(engine)
  engine.pipe(client)
  // The process has ended: its output is still delivered, but nobody holds the place open for ever.
  engine.once('end', () => client.setTimeout(LINGER_MS, destroyBoth))
  client.once('close', () => engine.destroy())
  engine.once('close', () => client.destroySoon())
}
