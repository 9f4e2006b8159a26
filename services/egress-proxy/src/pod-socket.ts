import { once } from 'node:events'
import { chmod } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { forwardRequest } from './forward-request.ts'
import type { ProxyLimits } from './limits.ts'
import type { PodContext } from './pod-context.ts'
import { openTunnel } from './tunnel.ts'
import { answerUnreadable } from './unreadable-request.ts'

export type PodSocket = {
  /** Removes the socket and closes its connections. */
  readonly close: () => Promise<void>
}

/** Open connections of all pods together. */
export type OpenConnections = { count: number }

const CHECK_EVERY_MS = 1_000

/**
 * Listens for one pod. Which socket a connection comes through is the only thing that says whose it is, so the folder
 * is mounted into nothing but anchors, which hand on what comes from their own pod.
 */
export async function listenForPod(path: string, context: PodContext, open: OpenConnections): Promise<PodSocket> {
  const { limits } = context.way
  const sockets = new Set<Socket>()
  const server = createServer(serverOptions(limits))
  server.maxConnections = limits.maxConnectionsPerPod
  server.setTimeout(limits.idleTimeoutMs)
  server.on('connection', (socket) => admit(socket, { sockets, open, context }))
  server.on('drop', () => context.refuse(NO_TARGET, { reason: 'too many connections of this sandbox at once' }))
  server.on('connect', (request, client, head) => {
    openTunnel(context, request, client, head).catch((error: unknown) => failedTunnel(context, client, error))
  })
  server.on('request', (request, response) => {
    forwardRequest(context, request, response).catch((error: unknown) => {
      context.log.error({ error }, 'a bug: passing on a request failed')
      response.destroy()
    })
  })
  server.on('clientError', (error, client) => answerUnreadable(context, error, client))
  server.listen(path)
  await once(server, 'listening')
  server.on('error', (error) => context.log.error({ error }, 'the socket of a way out failed'))
  // The anchor runs as another user; to connect to a socket is to write to it.
  await chmod(path, 0o666)
  return {
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

const NO_TARGET = { host: '(none)', port: 0 }

function serverOptions(limits: ProxyLimits) {
  return {
    maxHeaderSize: limits.maxHeadBytes,
    headersTimeout: limits.headTimeoutMs,
    // Uploads over plain http; the idle time ends silent ones earlier.
    requestTimeout: Math.max(limits.idleTimeoutMs, limits.headTimeoutMs),
    connectionsCheckingInterval: Math.min(CHECK_EVERY_MS, limits.headTimeoutMs),
    noDelay: true,
  }
}

type Admission = { readonly sockets: Set<Socket>; readonly open: OpenConnections; readonly context: PodContext }

function admit(socket: Socket, { sockets, open, context }: Admission): void {
  sockets.add(socket)
  open.count += 1
  socket.once('close', () => {
    sockets.delete(socket)
    open.count -= 1
  })
  if (open.count <= context.way.limits.maxConnections) return
  context.refuse(NO_TARGET, { reason: 'too many connections of all sandboxes at once' })
  socket.destroy()
}

function failedTunnel(context: PodContext, client: { destroy(): unknown }, error: unknown): void {
  context.log.error({ error }, 'a bug: a tunnel failed')
  client.destroy()
}
