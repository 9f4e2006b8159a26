import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DevBotError } from '@devbot/contracts'
import type { Express } from 'express'

export type IngressServer = {
  readonly port: number
  /** Ends listening, lets open requests finish for at most 5 s, then cuts what is left. */
  readonly close: () => Promise<void>
}

/** Headers are small; who needs longer for them is holding connections. */
const HEADERS_TIMEOUT_MS = 10_000
/** The last resort behind the body's own time limit; throwing away a refused body ends with it too. */
const REQUEST_TIMEOUT_MS = 20_000
/** GitHub opens few; the rest wait in the system's backlog. */
const MAX_CONNECTIONS = 1_000
const DRAIN_MS = 5_000

/** Listens on all addresses, because webhooks come from outside. Throws category `config` when the port is taken. */
export async function listen(app: Express, port: number): Promise<IngressServer> {
  const server = createServer(
    { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, connectionsCheckingInterval: 2_000 },
    app,
  )
  server.maxConnections = MAX_CONNECTIONS
  server.listen(port)
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new DevBotError({
      category: 'config',
      code: 'port-taken',
      message: `PORT: ${port} cannot be listened on; free it, or set PORT to another one (0 takes a free one)`,
      cause,
    })
  }
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close')
      server.close()
      const cut = setTimeout(() => server.closeAllConnections(), DRAIN_MS)
      await closed
      clearTimeout(cut)
    },
  }
}
