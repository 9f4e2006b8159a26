import { randomBytes } from 'node:crypto'
import { DevBotError } from '@devbot/contracts'
import { createEmulator, type Emulator as RunningEmulator } from 'emulate'
import type { LocalApp, LocalUser } from './options.ts'

/** Owner of everything the service does by itself. First of the emulator's users, see `internalToken`. */
export const INTERNAL_LOGIN = 'local-github'
/** The emulator refuses a token's 5,000th request of an hour, as GitHub does; our own work changes tokens before. */
const MAX_REQUESTS_PER_INTERNAL_TOKEN = 4000
const APP_PERMISSIONS = { contents: 'write', pull_requests: 'write', issues: 'write', metadata: 'read' } as const

type EmulatorRequest = {
  readonly method: string
  /** With query. */
  readonly path: string
  /** A token the emulator knows; our own rights when absent. */
  readonly token?: string
  readonly body?: unknown
}
export type EmulatorAnswer = { readonly status: number; readonly body: unknown; readonly headers: Headers }

export type Emulator = {
  /** What stands before the paths in the addresses it writes into its answers. */
  readonly writtenUrl: string
  readonly call: (request: EmulatorRequest) => Promise<EmulatorAnswer>
  /** As `call`, for requests of our own that must succeed; returns the body. */
  readonly expect: (request: EmulatorRequest) => Promise<unknown>
  /** The emulator's own token of a user: real tokens never reach it. */
  readonly tokenOf: (login: string) => string | undefined
  readonly close: () => Promise<void>
}

/** Starts the REST emulator (npm `emulate`) in this process on a free loopback port. */
export async function startEmulator(options: {
  readonly users: readonly LocalUser[]
  readonly organizations: readonly string[]
  readonly apps: readonly LocalApp[]
}): Promise<Emulator> {
  const tokens = new Map(options.users.map((user) => [user.login, `local-${randomBytes(16).toString('hex')}`]))
  const emulator = await createEmulator({
    service: 'github',
    port: 0,
    hostname: '127.0.0.1',
    seed: {
      tokens: Object.fromEntries([...tokens].map(([login, token]) => [token, { login }])),
      github: {
        users: [{ login: INTERNAL_LOGIN }, ...options.users.map(({ login, name, email }) => ({ login, name, email }))],
        orgs: options.organizations.map((login) => ({ login, members: [{ login: INTERNAL_LOGIN, role: 'admin' }] })),
        apps: options.apps.map((app) => ({
          app_id: app.appId,
          slug: app.slug,
          name: app.slug,
          private_key: app.privateKeyPem,
          permissions: app.permissions ?? APP_PERMISSIONS,
          events: [],
          installations: [{ installation_id: app.installationId, account: app.account, repository_selection: 'all' }],
        })),
      },
    },
  })
  return emulatorClient(emulator, tokens)
}

function emulatorClient(emulator: RunningEmulator, tokens: ReadonlyMap<string, string>): Emulator {
  const address = loopbackAddress(emulator.url)
  const internalToken = rotatingToken()
  const call = async (request: EmulatorRequest): Promise<EmulatorAnswer> => {
    const response = await fetch(`${address}${request.path}`, {
      method: request.method,
      headers: { authorization: `token ${request.token ?? internalToken()}`, 'content-type': 'application/json' },
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      redirect: 'manual',
    })
    const text = await response.text()
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text), headers: response.headers }
  }
  const expect = async (request: EmulatorRequest): Promise<unknown> => {
    const answer = await call(request)
    if (answer.status < 400) return answer.body
    throw new DevBotError({
      category: 'bug',
      code: 'local-github-emulator-refused',
      message: `expected the emulator to accept ${request.method} ${request.path}, it answered ${answer.status}: ${JSON.stringify(answer.body)}`,
    })
  }
  return {
    writtenUrl: emulator.url,
    call,
    expect,
    tokenOf: (login) => tokens.get(login),
    close: () => emulator.close(),
  }
}

/**
 * Tokens for our own work. The emulator takes any token it does not know for its first user's, which is ours, so a
 * fresh random one is as good as another and starts a new count of requests.
 */
function rotatingToken(): () => string {
  let token = ''
  let used = MAX_REQUESTS_PER_INTERNAL_TOKEN
  return () => {
    if (used >= MAX_REQUESTS_PER_INTERNAL_TOKEN) {
      token = `internal-${randomBytes(16).toString('hex')}`
      used = 0
    }
    used += 1
    return token
  }
}

/** The emulator reports `http://localhost:PORT`, unless a variable of its own (EMULATE_BASE_URL, PORTLESS_URL) says otherwise. */
function loopbackAddress(url: string): string {
  const port = /^http:\/\/localhost:(\d+)$/.exec(url)?.[1]
  if (port !== undefined) return `http://127.0.0.1:${port}`
  throw new DevBotError({
    category: 'config',
    code: 'local-github-emulator-address',
    message: `expected the emulator at http://localhost:PORT, found ${url}; unset EMULATE_BASE_URL and PORTLESS_URL`,
  })
}
