import { once } from 'node:events'
import { chmod, mkdir, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import type { Logger } from '@devbot/config'
import { DevBotError, type EgressRequest, egressRequestSchema, POD_ID_PATTERN } from '@devbot/contracts'
import type { Pods } from './pods.ts'
import { systemCode } from './system-code.ts'

/** 100 entries of the longest host names are 30 KB. */
const MAX_BODY_BYTES = 40 * 1024
/** Longer than the 20 s between two renewals: a connection that ends earlier tells the client that the proxy is gone. */
const KEEP_ALIVE_MS = 65_000

/**
 * The workers' side, HTTP on a Unix socket of its own: `PUT /pods/<pod id>` makes or renews, `DELETE` ends, `GET /healthz`.
 * Who reaches the socket may do all of it, so its folder is shared with the worker alone.
 */
export async function listenForControl(
  path: string,
  pods: Pods,
  log: Logger,
): Promise<{ readonly close: () => Promise<void> }> {
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    answerControl(pods, request).then(
      ({ status, body }) => send(response, status, body),
      (error: unknown) => {
        log.error({ error }, 'a control request failed')
        send(response, 500, { error: 'the egress-proxy failed at this; see its log' })
      },
    )
  })
  await listen(server, path)
  server.on('error', (error) => log.error({ error }, 'the control socket failed'))
  return {
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

/** Throws `config` when the socket cannot be made. */
async function listen(server: Server, path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o755 })
    await removeDeadSocket(path)
    server.listen(path)
    await once(server, 'listening')
    // The worker may run as another user, the one who owns the plan folder.
    await chmod(path, 0o666)
  } catch (cause) {
    if (cause instanceof DevBotError) throw cause
    throw new DevBotError({
      category: 'config',
      code: 'control-socket-unusable',
      message: `EGRESS_CONTROL_SOCKET: ${path} cannot be listened on (${systemCode(cause)}); its folder has to be one that the egress-proxy may write`,
      cause,
    })
  }
}

type Answer = { readonly status: number; readonly body?: unknown }

async function answerControl(pods: Pods, request: IncomingMessage): Promise<Answer> {
  const { method, url = '' } = request
  if (method === 'GET' && url === '/healthz') return { status: 200, body: { status: 'ok' } }
  const podId = /^\/pods\/([^/?#]+)$/.exec(url)?.[1]
  if (podId === undefined || !POD_ID_PATTERN.test(podId))
    return { status: 404, body: { error: 'expected /pods/<pod id>' } }
  if (method === 'DELETE') {
    await pods.end(podId)
    return { status: 204 }
  }
  if (method !== 'PUT') return { status: 405, body: { error: 'expected PUT or DELETE' } }
  const asked = egressRequestSchema.safeParse(await readJson(request))
  if (!asked.success)
    return { status: 400, body: { error: 'expected {taskId, runId, purpose, allow?: up to 100 entries}' } }
  return await keep(pods, podId, asked.data)
}

async function keep(pods: Pods, podId: string, asked: EgressRequest): Promise<Answer> {
  try {
    return { status: 200, body: await pods.keep(podId, asked) }
  } catch (error) {
    if (error instanceof DevBotError && error.category === 'invalid-input')
      return { status: 422, body: { error: error.message } }
    if (error instanceof DevBotError && error.category === 'conflict')
      return { status: 409, body: { error: error.message } }
    throw error
  }
}

/** Undefined for what is too long or no JSON. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  let bytes = Buffer.alloc(0)
  for await (const chunk of request) {
    bytes = Buffer.concat([bytes, chunk])
    if (bytes.length > MAX_BODY_BYTES) return undefined
  }
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    // The schema refuses undefined with a sentence on what was expected.
    return undefined
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed) return
  response.writeHead(status, body === undefined ? {} : { 'content-type': 'application/json' })
  response.end(body === undefined ? undefined : JSON.stringify(body))
}

/** A socket that nobody listens on any more is in the way of the next one. */
async function removeDeadSocket(path: string): Promise<void> {
  if (await answers(path)) {
    throw new DevBotError({
      category: 'config',
      code: 'control-socket-taken',
      message: `EGRESS_CONTROL_SOCKET: an egress-proxy listens on ${path} already; stop it, or name another path`,
    })
  }
  await rm(path, { force: true })
}

function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(path, () => resolve(true)).on('error', () => resolve(false))
  return promise.finally(() => socket.destroy())
}
