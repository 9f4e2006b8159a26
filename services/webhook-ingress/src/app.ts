import type { PlanIntakeLedger } from '@devbot/queue'
import express, { type Express, type NextFunction, type Request, type Response } from 'express'
import { ledgerProblem } from './ledger-problem.ts'
import { refuseRequest } from './refuse-request.ts'
import { createWebhookRoute, type WebhookOptions } from './webhook-route.ts'

export type AppOptions = WebhookOptions & { readonly ledger: Pick<PlanIntakeLedger, 'countTasks'> }

/** The ingress' whole HTTP side: the webhook, and whether the process is up and Redis answers. */
export function createApp(options: AppOptions): Express {
  const app = express().disable('x-powered-by').disable('etag').set('query parser', false)
  app.post('/webhook', createWebhookRoute(options))
  app.all('/webhook', (request, response) => {
    response.set('allow', 'POST')
    refuseRequest(request, response, 405, 'expected POST')
  })
  app.get('/healthz', (_request, response) => {
    response.json({ status: 'ok' })
  })
  app.get('/readyz', async (_request, response) => {
    const reason = await ledgerProblem(options.ledger)
    response.status(reason ? 503 : 200).json(reason ? { status: 'not-ready', reason } : { status: 'ready' })
  })
  app.use((request: Request, response: Response) => refuseRequest(request, response, 404, 'expected POST /webhook'))
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    options.log.error({ error }, 'a bug: a request failed')
    refuseRequest(request, response, 500, 'internal error')
  })
  return app
}
