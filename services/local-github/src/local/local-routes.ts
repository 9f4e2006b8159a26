import type { Request, Response, Router } from 'express'
import express from 'express'
import type { Hub } from '../hub.ts'
import { relayEvent, signedByEmulator } from '../webhooks/relay.ts'
import { type Faults, faultSchema } from './faults.ts'
import type { RequestLog } from './request-log.ts'

/** Path of the emulator's own hook; see webhooks/relay.ts. */
export const RELAY_PATH = '/_local/relay'

/** The service's own endpoints, for tests on this machine and for the emulator's events. */
export function createLocalRoutes(hub: Hub, faults: Faults, requests: RequestLog, relaySecret: string): Router {
  const router = express.Router()
  router.use((request: Request, response: Response, next) => {
    if (isLoopback(request.socket.remoteAddress)) next()
    else response.status(403).json({ message: 'only for clients on this machine' })
  })
  router.post('/relay', express.raw({ limit: '50mb', type: () => true }), async (request, response) => {
    const body: unknown = request.body
    if (!Buffer.isBuffer(body) || !signedByEmulator(body, request.get('x-hub-signature-256'), relaySecret)) {
      response.status(401).end()
      return
    }
    response.status(202).end()
    try {
      await relayEvent(hub, request.get('x-github-event') ?? '', JSON.parse(body.toString('utf8')))
    } catch (error) {
      if (!hub.stopped.aborted) hub.log.error({ error }, 'an event of the emulator could not be completed')
    }
  })
  router.get('/health', (_request, response) => {
    response.json({ status: 'ok' })
  })
  /** 200 once the repository can be used: seeding takes a moment longer than listening. */
  router.get('/repositories/:owner/:name', (request, response) => {
    const { owner, name } = request.params
    const isThere = hub.repositories.find(owner, name) !== undefined
    response.status(isThere ? 200 : 404).json(isThere ? { status: 'ok' } : { message: 'not there (yet)' })
  })
  router.get('/requests', (_request, response) => {
    response.json(requests.list())
  })
  router.get('/deliveries', (_request, response) => {
    response.json(hub.deliveries.list())
  })
  router.post('/deliveries/:id/redeliver', async (request, response) => {
    const delivery = await hub.deliveries.redeliver(request.params.id)
    response.status(delivery === undefined ? 404 : 200).json(delivery ?? { message: 'no such delivery' })
  })
  router.get('/faults', (_request, response) => {
    response.json(faults.list())
  })
  router.delete('/faults', (_request, response) => {
    faults.clear()
    response.status(204).end()
  })
  router.post('/faults', express.json(), (request, response) => {
    const fault = faultSchema.safeParse(request.body)
    if (!fault.success) {
      response.status(422).json({ message: 'not a fault', errors: fault.error.issues })
      return
    }
    faults.add(fault.data)
    response.status(201).json(fault.data)
  })
  return router
}

function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(::1|(::ffff:)?127\.\d+\.\d+\.\d+)$/.test(address)
}
