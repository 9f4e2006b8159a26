import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express'
import { createMessagesRoute, type RouteParts } from './messages-route.ts'
import { errorBody } from './refusal.ts'
import { faultSchema } from './trajectory.ts'

/** Largest request. Source: platform.claude.com/docs/en/api/errors, "Request size limits" (Messages: 32 MB). */
const MAX_BODY = '32mb'

/** The Messages API, and below `/_replay` the operator's view, open to loopback only. */
export function createApp(parts: RouteParts): Express {
  const app = express().disable('x-powered-by').disable('etag')
  app.get('/healthz', (_request, response) => {
    response.json({ status: 'ok' })
  })
  app.use('/_replay', loopbackOnly, operatorRoutes(parts))
  app.post('/v1/messages', express.json({ limit: MAX_BODY, strict: false }), createMessagesRoute(parts))
  app.use((request, response) => {
    response.status(404).json(errorBody(404, `Not Found: ${request.method} ${request.path}`, 'req_none'))
  })
  app.use(answerError(parts))
  return app
}

function operatorRoutes(parts: RouteParts): express.Router {
  const router = express.Router()
  router.get('/requests', (_request, response) => {
    response.json(parts.journal.requests())
  })
  router.get('/violations', (_request, response) => {
    response.json(parts.journal.violations())
  })
  router.post('/faults', express.json({ limit: '16kb' }), (request, response) => {
    const fault = faultSchema.safeParse(request.body)
    if (!fault.success) {
      response
        .status(400)
        .json(
          errorBody(
            400,
            'expected one of {status, ...}, {cut}, {endAfter}, {garbled: true}, {silent: true}, {streamError} or {delayMs}, each with {times?, model?}',
            'req_none',
          ),
        )
      return
    }
    const ordered = parts.faults.order(fault.data)
    response.status(ordered ? 202 : 409).json(ordered ? { status: 'ordered' } : { status: 'too-many' })
  })
  return router
}

const loopbackOnly: RequestHandler = (request, response, next) => {
  const address = request.socket.remoteAddress ?? ''
  if (/^(::ffff:)?127\.|^::1$/.test(address)) next()
  else response.status(403).json(errorBody(403, 'only from this machine', 'req_none'))
}

/** Bodies that express could not read, and bugs of our own. */
function answerError({ journal, log }: RouteParts): ErrorRequestHandler {
  return (error: unknown, _request, response, next) => {
    if (response.headersSent) {
      next(error)
      return
    }
    const status = bodyStatus(error)
    const message =
      status === 413
        ? 'Request exceeds the maximum size'
        : status === 400
          ? 'The request body is not valid JSON'
          : 'replay: a bug in the replay model'
    if (status === 500) log.error({ error }, 'a bug in the replay model')
    else journal.addViolation({ requestId: 'req_none', at: new Date().toISOString(), status, rule: 'body', message })
    response.status(status).json(errorBody(status, message, 'req_none'))
  }
}

function bodyStatus(error: unknown): number {
  const status = typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined
  return status === 413 ? 413 : typeof status === 'number' && status >= 400 && status < 500 ? 400 : 500
}
