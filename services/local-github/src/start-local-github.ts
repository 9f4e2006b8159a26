import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { join, resolve } from 'node:path'
import { DevBotError } from '@devbot/contracts'
import express from 'express'
import { startEmulator } from './emulator.ts'
import { installHooks } from './git/bare-repository.ts'
import { answerGit, gitAddressOf, identityOfRequest } from './git/git-routes.ts'
import type { Hub } from './hub.ts'
import { createIdentities } from './identities.ts'
import { createFaults, type FaultInput, type Faults, faultSchema } from './local/faults.ts'
import { createLocalRoutes, RELAY_PATH } from './local/local-routes.ts'
import { createRequestLog, type LoggedRequest, type RequestLog } from './local/request-log.ts'
import { silentLog } from './log.ts'
import type { LocalGitHubOptions, SeededRepository, SeedRepository, WebhookTarget } from './options.ts'
import { pullPage } from './pull-page.ts'
import { createRepositories } from './repositories.ts'
import { createRestApp } from './rest/rest-app.ts'
import { createDeliveries, type Delivery } from './webhooks/deliveries.ts'

/** Where the REST API stands, as on GitHub Enterprise Server. */
const API_BASE = '/api/v3'

export type LocalGitHub = {
  /** `http://HOST:PORT` or the public address; also the base of git addresses and pages, so it is `GITHUB_SERVER_URL`. */
  readonly url: string
  readonly serverUrl: string
  /** `GITHUB_API_URL`, octokit's `baseUrl`. */
  readonly apiUrl: string
  readonly gitUrl: (owner: string, name: string) => string
  readonly seedRepository: (input: SeedRepository) => Promise<SeededRepository>
  readonly setWebhook: (target: WebhookTarget | undefined) => void
  readonly addFault: (fault: FaultInput) => void
  readonly clearFaults: () => void
  /** Newest last. */
  readonly requests: () => readonly LoggedRequest[]
  readonly deliveries: () => readonly Delivery[]
  readonly stop: () => Promise<void>
}

/**
 * Starts a GitHub on this machine: REST at `apiUrl`, git over HTTP at `gitUrl(...)`, signed webhooks to the receiver,
 * pages for people. State lives as long as the process; only git's part stays in the data folder. `stop` ends
 * everything that was started.
 */
export async function startLocalGitHub(options: LocalGitHubOptions): Promise<LocalGitHub> {
  const log = options.log ?? silentLog
  const stopping = new AbortController()
  const host = options.host ?? '127.0.0.1'
  // git runs in the repositories' folders: a relative path would mean something else there.
  const dataDirectory = resolve(options.dataDirectory)
  await mkdir(join(dataDirectory, 'repositories'), { recursive: true })
  await installHooks(join(dataDirectory, 'hooks'))

  let answer = (_request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(503).end()
  }
  const server = createServer((request, response) => answer(request, response))
  const port = await listen(server, options.port, host)
  const serverUrl = options.publicUrl ?? `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  const relay = { url: `http://${loopbackFor(host)}:${port}${RELAY_PATH}`, secret: randomBytes(24).toString('hex') }

  const { users, organizations = [], apps = [] } = options
  const emulator = await startEmulator({ users, organizations, apps }).catch(async (error: unknown) => {
    await closeServer(server)
    throw error
  })
  const deliveries = createDeliveries({ log, stopped: stopping.signal })
  deliveries.setTarget(options.webhook)
  const hub: Hub = {
    addresses: {
      emulatorUrl: emulator.writtenUrl,
      serverUrl,
      apiUrl: options.publicApiUrl ?? `${serverUrl}${API_BASE}`,
    },
    emulator,
    repositories: createRepositories({ dataDirectory, emulator, users, organizations, relay }),
    identities: createIdentities({ users, apps, emulator }),
    deliveries,
    dataDirectory,
    log,
    stopped: stopping.signal,
  }
  const faults = createFaults(stopping.signal)
  const requests = createRequestLog()
  answer = createAnswer(hub, faults, requests, relay.secret)
  log.info({ url: serverUrl }, 'local GitHub is listening')

  const gitUrl = (owner: string, name: string) => `${serverUrl}/${owner}/${name}.git`
  return {
    url: serverUrl,
    serverUrl,
    apiUrl: hub.addresses.apiUrl,
    gitUrl,
    seedRepository: async (input) => {
      const repository = await hub.repositories.seed(input)
      return { id: repository.id, fullName: repository.fullName, gitUrl: gitUrl(input.owner, input.name) }
    },
    setWebhook: deliveries.setTarget,
    addFault: (fault) => faults.add(faultSchema.parse(fault)),
    clearFaults: faults.clear,
    requests: requests.list,
    deliveries: deliveries.list,
    stop: async () => {
      stopping.abort()
      await Promise.all([closeServer(server), emulator.close()])
      await deliveries.settled()
    },
  }
}

/** One request, whatever it is for: own endpoints, then faults, then git, pages and the REST API. */
function createAnswer(hub: Hub, faults: Faults, requests: RequestLog, relaySecret: string) {
  const app = express()
  app.disable('x-powered-by')
  // As GitHub does, so that who asks again with it is answered 304 while nothing changed.
  app.set('etag', 'weak')
  app.use('/_local', createLocalRoutes(hub, faults, requests, relaySecret))
  app.use(async (request, response, next) => {
    requests.add(request, response, request.path, identityOfRequest(hub, request)?.login)
    if ((await faults.strike(request, response, request.path)) === 'go-on') next()
  })
  app.use(async (request, response, next) => {
    const address = gitAddressOf(request.path)
    if (address === undefined) return next()
    try {
      await answerGit(hub, address, request, response)
    } catch (error) {
      if (!hub.stopped.aborted) hub.log.error({ error, path: request.path }, 'a git request failed')
      response.destroy()
    }
  })
  app.use(API_BASE, createRestApp(hub))
  app.get(/.*/, async (request, response) => {
    const page = await pullPage(hub, request.path)
    response.set('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
    const content = page?.content ?? `DevBot's local GitHub. REST: ${hub.addresses.apiUrl}\n`
    response.status(page?.status ?? 404).type(page?.type ?? 'text')
    response.send(content)
  })
  return app
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(listenError(host, port, cause)))
    server.listen(port, host, () => {
      server.removeAllListeners('error')
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}

function listenError(host: string, port: number, cause: Error): DevBotError {
  const code = 'code' in cause ? String(cause.code) : cause.message
  return new DevBotError({
    category: 'config',
    code: 'local-github-cannot-listen',
    message: `expected to listen on ${host} port ${port}, got ${code}; choose another port (0 = any free one) or host`,
    cause,
  })
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

/** The emulator's events come over loopback even when the service listens on every address. */
function loopbackFor(host: string): string {
  return host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
}
