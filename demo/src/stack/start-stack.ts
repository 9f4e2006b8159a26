import { randomBytes } from 'node:crypto'
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLogger } from '@devbot/config'
import { type LocalGitHub, startLocalGitHub } from '@devbot/local-github'
import { connectLedger, type Ledger } from '@devbot/queue'
import { type StartedRedis, startRedis } from '@devbot/queue/testing'
import { type ReplayModel, startReplayModel, type TrajectoryInput } from '@devbot/replay-model'
import { removeLeftovers, startContainerSandboxes } from './container-sandboxes.ts'
import type { Engine } from './engine.ts'
import { plansFolder, readSampleHistory, trajectoriesFolder } from './sample-history.ts'
import { findSandboxPlace, type SandboxPlace } from './sandbox-place.ts'
import { type ServiceProcess, type ServiceProgram, startService } from './service-process.ts'

export type StackOptions = {
  /** Trajectories of the replayed model; the demo's when absent. */
  readonly trajectories?: readonly TrajectoryInput[]
  /** Default branch of the sample repository; `main` when absent. */
  readonly defaultBranch?: string
  /** Whether GitHub's webhooks reach the ingress; without them the reconciler alone gives the loop. */
  readonly webhooks?: boolean
  /** More variables for all services. */
  readonly env?: Readonly<Record<string, string>>
  /** Plans that are in the folder before the watcher starts, from the demo's plans. */
  readonly plans?: readonly string[]
  /** Start without these services; a test starts them itself. */
  readonly without?: readonly ServiceName[]
  /** The plan folder; a temporary one when absent. */
  readonly plansDirectory?: string
  /** Where the services' logs are; with everything else in a temporary folder, gone at the end, when absent. */
  readonly logDirectory?: string
  /** Containers or processes; absent: containers where they are possible, unless DEVBOT_SANDBOX says otherwise. */
  readonly sandbox?: 'docker' | 'process'
  /** Options of Node itself for a service, as compose gives them to the worker. */
  readonly nodeOptions?: Partial<Record<ServiceName, readonly string[]>>
  /** Programs that take the place of a service's own. */
  readonly programs?: Partial<Record<ServiceName, ServiceProgram>>
  /** What sandboxes in containers may reach, entries as in EGRESS_ALLOW; absent: there is no egress-proxy at all. */
  readonly egressAllow?: readonly string[]
}

const SERVICE_NAMES = ['webhook-ingress', 'worker', 'watcher'] as const
export type ServiceName = (typeof SERVICE_NAMES)[number]

/** The repository everything happens in, and the people of the local GitHub. */
export const REPOSITORY = 'timespan/timespan'
export const PEOPLE = { bot: 'devbot', reviewer: 'ada', outsider: 'mallory' } as const

/** DevBot whole, on one machine, with stand-ins for GitHub and the model; everything else is real. */
export type Stack = AsyncDisposable & {
  readonly directory: string
  readonly plansDirectory: string
  readonly github: LocalGitHub
  readonly model: ReplayModel
  readonly redis: StartedRedis
  readonly ledger: Ledger
  readonly env: Readonly<Record<string, string>>
  /** Its name on the engine and in Redis: another one for every stack. */
  readonly instance: string
  readonly sandbox: SandboxPlace
  readonly tokens: Readonly<Record<keyof typeof PEOPLE, string>>
  readonly webhookSecret: string
  readonly service: (name: ServiceName) => ServiceProcess
  readonly startService: (name: ServiceName) => Promise<ServiceProcess>
  /** Where the ingress takes deliveries. */
  readonly webhookUrl: () => string
  readonly logFile: (name: ServiceName) => string
  /** The logs of all services, those between worker and engine among them. */
  readonly logFiles: readonly string[]
  /** Copies one of the demo's plans into the plan folder. */
  readonly dropPlan: (name: string, as?: string) => Promise<void>
  /** Throws when the worker ended in good order and still left something on the engine; it is removed in any case. */
  readonly stop: () => Promise<void>
}

/** Starts everything and waits until it is ready. What was started is stopped again when a part fails. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const directory = await mkdtemp(join(tmpdir(), 'devbot-stack-'))
  const parts = new AsyncDisposableStack()
  parts.defer(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }))
  try {
    return await startParts(options, directory, parts)
  } catch (error) {
    await parts.disposeAsync()
    throw error
  }
}

async function startParts(options: StackOptions, directory: string, parts: AsyncDisposableStack): Promise<Stack> {
  const tokens = { bot: secret('bot'), reviewer: secret('reviewer'), outsider: secret('outsider') }
  const webhookSecret = secret('webhook')
  const apiKey = secret('model')
  const instance = options.env?.DEVBOT_INSTANCE ?? `demo-${randomBytes(3).toString('hex')}`
  const log = createLogger({ service: 'demo', level: 'silent', secrets: [] })
  const plansDirectory = options.plansDirectory ?? join(directory, 'ai-docs')
  const logDirectory = options.logDirectory ?? directory
  await Promise.all([plansDirectory, logDirectory].map((folder) => mkdir(folder, { recursive: true })))

  const sandbox = await findSandboxPlace(options.sandbox)
  const redis = await startRedis()
  parts.defer(() => redis.stop())
  const model = await startReplayModel({
    port: 0,
    host: '127.0.0.1',
    apiKey,
    trajectories: options.trajectories ?? trajectoriesFolder,
    log,
  })
  parts.defer(() => model.stop())
  const github = await startGitHub(directory, tokens, options.defaultBranch)
  parts.defer(() => github.stop())

  const env: Record<string, string> = {
    REDIS_URL: redis.url,
    DEVBOT_INSTANCE: instance,
    REPO_NAME: REPOSITORY,
    AI_DOCS_DIR: plansDirectory,
    ANTHROPIC_API_KEY: apiKey,
    ANTHROPIC_BASE_URL: model.url,
    GITHUB_TOKEN: tokens.bot,
    GITHUB_API_URL: github.apiUrl,
    GITHUB_SERVER_URL: github.serverUrl,
    GITHUB_WEBHOOK_SECRET: webhookSecret,
    SANDBOX_DRIVER: 'process',
    ...cpusOfThisMachine(),
    DEVBOT_DATA_DIR: join(directory, 'data'),
    PORT: '0',
    OPS_PORT: '0',
    LOG_LEVEL: 'debug',
    // The local GitHub's listings are never behind, unless a test has them be.
    GITHUB_LISTING_LAG_SECONDS: '2',
    // Nobody comments here by hand.
    SETTLE_SECONDS: '1',
    ...options.env,
  }
  const services = new Map<ServiceName, ServiceProcess>()
  const endings = new Map<ServiceName, number | null>()
  let logFiles: readonly string[] = []
  if (sandbox.driver === 'docker') {
    const { engine } = sandbox
    parts.defer(() => assertNothingLeft(engine, instance, endings.get('worker') === 0))
    const between = await startContainerSandboxes({
      ...options,
      engine,
      instance,
      directory,
      logDirectory,
      env,
      egressAllow: options.egressAllow,
    })
    parts.defer(between.stop)
    Object.assign(env, between.env)
    logFiles = between.logFiles
  }
  const ledger = await connectLedger({
    redisUrl: redis.url,
    instance,
    bodyDirectory: join(directory, 'data', 'bodies'),
  })
  parts.defer(() => ledger.close())
  const dropPlan = (name: string, as = name) => copyFile(join(plansFolder, name), join(plansDirectory, as))
  for (const plan of options.plans ?? []) await dropPlan(plan)

  const logFile = (name: ServiceName) => join(logDirectory, `${name}.log`)
  const start = async (name: ServiceName) => {
    const service = await startService({
      name,
      env,
      logFile: logFile(name),
      nodeOptions: options.nodeOptions?.[name],
      program: options.programs?.[name],
    })
    services.set(name, service)
    parts.defer(async () => {
      endings.set(name, await service.stop())
    })
    return service
  }
  const service = (name: ServiceName) => {
    const found = services.get(name)
    if (found === undefined) throw new Error(`the service ${name} was not started`)
    return found
  }
  const webhookUrl = () => `http://127.0.0.1:${service('webhook-ingress').ports().http}/webhook`
  // All of them are waited for, also when one fails: what has started by then has to be stopped.
  const starts = SERVICE_NAMES.filter((name) => !options.without?.includes(name)).map(start)
  const failed = (await Promise.allSettled(starts)).find((outcome) => outcome.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  if (options.webhooks !== false && services.has('webhook-ingress'))
    github.setWebhook({ url: webhookUrl(), secret: webhookSecret })

  const stop = () => parts.disposeAsync()
  return {
    directory,
    plansDirectory,
    github,
    model,
    redis,
    ledger,
    env,
    instance,
    sandbox,
    tokens,
    webhookSecret,
    service,
    startService: start,
    webhookUrl,
    logFile,
    logFiles: [...SERVICE_NAMES.map(logFile), ...logFiles],
    dropPlan,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** An engine refuses a container more CPUs than there are. */
function cpusOfThisMachine(): Readonly<Record<string, string>> {
  return availableParallelism() < 2 ? { SANDBOX_CPUS: String(availableParallelism()) } : {}
}

/** A worker that was killed may leave sandboxes; one that ended in good order may not. */
async function assertNothingLeft(engine: Engine, instance: string, endedInOrder: boolean): Promise<void> {
  const left = await removeLeftovers(engine, instance)
  if (left.length > 0 && endedInOrder)
    throw new Error(`left on the engine, now removed: ${left.map(({ kind, name }) => `${kind} ${name}`).join(', ')}`)
}

async function startGitHub(
  directory: string,
  tokens: Readonly<Record<keyof typeof PEOPLE, string>>,
  defaultBranch = 'main',
): Promise<LocalGitHub> {
  const [owner = '', name = ''] = REPOSITORY.split('/')
  const github = await startLocalGitHub({
    port: 0,
    dataDirectory: join(directory, 'github'),
    organizations: [owner],
    users: [
      { login: PEOPLE.bot, token: tokens.bot, permission: 'write' },
      { login: PEOPLE.reviewer, token: tokens.reviewer, permission: 'write' },
      { login: PEOPLE.outsider, token: tokens.outsider, permission: 'read' },
    ],
  })
  try {
    await github.seedRepository({
      owner,
      name,
      defaultBranch,
      visibility: 'public',
      history: await readSampleHistory(),
    })
    return github
  } catch (error) {
    await github.stop()
    throw error
  }
}

/** A secret of this run only; its name is for people who read a dump. */
function secret(name: string): string {
  return `local-${name}-${randomBytes(18).toString('hex')}`
}
