import type { Request, Response, Router } from 'express'
import express from 'express'
import type { EmulatorAnswer } from '../emulator.ts'
import type { Hub } from '../hub.ts'
import { tokenOfRequest } from '../local/credentials.ts'
import { notFound, Refusal, refusalBody } from '../problem.ts'
import {
  type JsonObject,
  jsonObjectSchema,
  normalised,
  type RepositoryRequest,
  type RestAnswer,
  type RestRequest,
} from './context.ts'
import { answerGeneralRequest, answerRepositoryRequest } from './routes.ts'

/** Largest request body taken. */
const MAX_BODY = '10mb'
const REPOSITORY_PATH = /^\/repos\/([^/]+)\/([^/]+)(\/.*)?$/
/** Paths an app asks with its own signed token (JWT) instead of a person's or an installation's. */
const APP_PATH = /^\/app(\/|$)|^\/(repos\/[^/]+\/[^/]+|orgs\/[^/]+|users\/[^/]+)\/installation$/
const TOKEN_PATH = /^\/app\/installations\/(\d+)\/access_tokens$/

/** The REST API, to be mounted at its base. Nobody gets an answer without a token. */
export function createRestApp(hub: Hub): Router {
  const router = express.Router()
  router.use(express.json({ limit: MAX_BODY, strict: false, type: () => true }))
  router.use(async (request: Request, response: Response) => {
    send(response, await answerSafely(hub, request))
  })
  router.use((error: unknown, _request: Request, response: Response, _next: unknown) => {
    const status = typeof error === 'object' && error !== null && 'status' in error ? Number(error.status) : 400
    const refusal = status === 413 ? new Refusal(413, 'Payload too big') : new Refusal(400, 'Problems parsing JSON')
    send(response, { status: refusal.status, body: refusalBody(refusal) })
  })
  return router
}

async function answerSafely(hub: Hub, request: Request): Promise<RestAnswer> {
  try {
    return await answer(hub, request)
  } catch (error) {
    if (error instanceof Refusal) return { status: error.status, body: refusalBody(error) }
    hub.log.error({ error, method: request.method, path: request.path }, 'a REST request failed')
    return { status: 500, body: refusalBody(new Refusal(500, 'Server Error')) }
  }
}

async function answer(hub: Hub, request: Request): Promise<RestAnswer> {
  const token = tokenOfRequest(request)
  if (token === undefined) throw new Refusal(401, 'Requires authentication')
  if (APP_PATH.test(request.path) && token.startsWith('eyJ')) return answerApp(hub, request, token)
  const identity = hub.identities.ofToken(token)
  if (identity === undefined) throw new Refusal(401, 'Bad credentials')
  const rest: RestRequest = {
    hub,
    identity,
    method: request.method,
    path: request.path,
    query: new URLSearchParams(request.url.split('?')[1] ?? ''),
    body: bodyOf(request),
    accept: request.get('accept') ?? '',
  }
  const match = REPOSITORY_PATH.exec(rest.path)
  if (match === null) return answerGeneralRequest(rest)
  return answerInRepository(rest, match[1] ?? '', match[2] ?? '', match[3] ?? '')
}

async function answerInRepository(rest: RestRequest, owner: string, name: string, below: string): Promise<RestAnswer> {
  const repository = rest.hub.repositories.find(decodeURIComponent(owner), decodeURIComponent(name))
  const role = repository === undefined ? 'none' : await rest.hub.identities.roleOf(rest.identity, repository)
  if (repository === undefined || role === 'none') throw notFound()
  // GitHub does not care about upper and lower case of names; the emulator does.
  const path = `/repos/${repository.fullName}${below}`
  const request: RepositoryRequest = { ...rest, path, repository, role }
  const work = () => answerRepositoryRequest(request, below)
  return rest.method === 'GET' ? work() : repository.exclusive(work)
}

/** The app's own endpoints: the emulator checks the signature, and the tokens it makes are noted. */
async function answerApp(hub: Hub, request: Request, token: string): Promise<RestAnswer> {
  const signed = await hub.emulator.call({ method: 'GET', path: '/app', token })
  if (signed.status !== 200) throw new Refusal(401, 'A JSON web token could not be decoded')
  const body = bodyOf(request)
  const answered: EmulatorAnswer = await hub.emulator.call({
    method: request.method,
    path: request.url,
    token,
    ...(request.method === 'GET' ? {} : { body: body ?? {} }),
  })
  const installation = TOKEN_PATH.exec(request.path)?.[1]
  if (installation !== undefined && answered.status === 201) {
    hub.identities.addInstallationToken(Number(installation), answered.body)
  }
  return { status: answered.status, body: normalised(hub, answered.body) }
}

function bodyOf(request: Request): JsonObject | undefined {
  if (request.body === undefined) return undefined
  const body: unknown = request.body
  if (Array.isArray(body)) return { labels: body }
  const parsed = jsonObjectSchema.safeParse(body)
  if (!parsed.success) throw new Refusal(400, 'Body should be a JSON object')
  return parsed.data
}

function send(response: Response, answer: RestAnswer): void {
  response.status(answer.status)
  response.set('x-github-media-type', 'github.v3; format=json')
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.set(name, value)
  if (typeof answer.body === 'string') response.type('text/plain').send(answer.body)
  else if (answer.status === 204 || answer.body === undefined) response.end()
  else response.json(answer.body)
}
