import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** `up`: from who connects to who listens. */
export type Direction = 'up' | 'down'

/** What a link does wrong, for the connections there are and for new ones, until it is told something else. */
export type LinkFault =
  /** Every piece is so late, in both directions. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Connections are torn down. */
  | { readonly kind: 'reset' }
  /** Each connection is torn down once so many bytes went through it since the fault began. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** Nothing gets through in one direction, and nobody is told; what was sent arrives when it is over. */
  | { readonly kind: 'partition'; readonly direction: Direction }

export type Relay = AsyncDisposable & {
  readonly port: number
  readonly break: (fault: LinkFault) => void
  readonly mend: () => void
  /** How often the fault that is or was last on struck. */
  readonly struck: () => number
}

type Link = { readonly client: Socket; readonly server: Socket; passedBytes: number }

/** A TCP relay on loopback, to a port on loopback. Other parties see a link that can be broken and mended at any time. */
export async function startRelay(targetPort: number): Promise<Relay> {
  const links = new Set<Link>()
  let fault: LinkFault | undefined
  let struck = 0
  let changed = Promise.withResolvers<void>()

  const tearDown = (link: Link) => {
    if (links.delete(link)) struck += 1
    link.client.resetAndDestroy()
    link.server.resetAndDestroy()
  }
  const set = (next: LinkFault | undefined) => {
    fault = next
    if (next !== undefined) struck = 0
    for (const link of links) link.passedBytes = 0
    if (next?.kind === 'reset') for (const link of [...links]) tearDown(link)
    changed.resolve()
    changed = Promise.withResolvers()
  }
  /** Holds a piece for as long as the link wants it, and says whether it may go on. */
  const pass = async (link: Link, direction: Direction, bytes: number): Promise<boolean> => {
    if (fault?.kind === 'delay') {
      struck += 1
      await sleep(fault.ms)
    }
    if (fault?.kind === 'partition' && fault.direction === direction) struck += 1
    while (fault?.kind === 'partition' && fault.direction === direction) await changed.promise
    link.passedBytes += bytes
    if (fault?.kind !== 'cut' || link.passedBytes < fault.afterBytes) return links.has(link)
    tearDown(link)
    return false
  }
  const pump = async (link: Link, direction: Direction) => {
    const [from, to] = direction === 'up' ? [link.client, link.server] : [link.server, link.client]
    try {
      for await (const piece of from as AsyncIterable<Buffer>) {
        if (!(await pass(link, direction, piece.byteLength))) return
        if (!to.write(piece)) await once(to, 'drain')
      }
      to.end()
    } catch {
      // One side is gone; the other hears of it in the same way.
      to.destroy()
    }
  }

  const listener = createServer({ allowHalfOpen: true }, (client) => {
    const server = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true })
    const link: Link = { client, server, passedBytes: 0 }
    links.add(link)
    // Without a listener an error would end the process; the pumps see it, too.
    for (const socket of [client, server]) socket.on('error', () => undefined)
    if (fault?.kind === 'reset') tearDown(link)
    else void Promise.all([pump(link, 'up'), pump(link, 'down')]).then(() => links.delete(link))
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    break: set,
    mend: () => set(undefined),
    struck: () => struck,
    [Symbol.asyncDispose]: async () => {
      set(undefined)
      for (const link of [...links]) tearDown(link)
      listener.close()
      await once(listener, 'close')
    },
  }
}
