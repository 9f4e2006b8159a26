import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DevBotError } from '@devbot/contracts'
import express from 'express'
import { collectDefaultMetrics, Registry } from 'prom-client'

export type OpsServer = { readonly port: number; readonly close: () => Promise<void> }

/** A registry with the process' own figures (memory, event loop, CPU). */
export function createMetrics(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  return registry
}

/**
 * Health and metrics on loopback: `/healthz` (the process answers), `/readyz` (200, or 503 with what is missing),
 * `/metrics` (Prometheus). `notReady` says what is missing, or nothing. Throws category `config` when the port is taken.
 */
export async function startOpsServer(options: {
  readonly port: number
  readonly metrics: Registry
  readonly notReady: () => Promise<string | undefined>
}): Promise<OpsServer> {
  const app = express().disable('x-powered-by')
  app.get('/healthz', (_request, response) => {
    response.json({ status: 'ok' })
  })
  app.get('/readyz', async (_request, response) => {
    const missing = await options.notReady()
    response
      .status(missing === undefined ? 200 : 503)
      .json(missing === undefined ? { status: 'ready' } : { status: 'not-ready', reason: missing })
  })
  app.get('/metrics', async (_request, response) => {
    response.type(options.metrics.contentType).send(await options.metrics.metrics())
  })
  const server = createServer(app)
  server.listen(options.port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new DevBotError({
      category: 'config',
      code: 'ops-port-taken',
      message: `OPS_PORT: 127.0.0.1:${options.port} cannot be listened on; free it, or set OPS_PORT to another port (0 takes a free one)`,
      cause,
    })
  }
  return { port: (server.address() as AddressInfo).port, close: () => closeServer(server) }
}

function closeServer(server: ReturnType<typeof createServer>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
