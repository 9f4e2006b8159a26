import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { createLogger, createMetrics, type Logger, type RunningService, Secret, startOpsServer } from '@devbot/config'
import { taskIdSchema } from '@devbot/contracts'
import { createGitHubClient } from '@devbot/github'
import { connectLedger, createTaskQueue, startSweeper, startTaskWorker, type WorkerLedger } from '@devbot/queue'
import type { SandboxDriver } from '@devbot/sandbox'
import { countedModels, createActivity } from './activity.ts'
import { advanceTask } from './advance-task.ts'
import type { WorkerConfig } from './config.ts'
import { createSandboxDriver } from './create-sandbox-driver.ts'
import type { WorkerDeps } from './deps.ts'
import { keepHouse } from './keep-house.ts'
import { createModels, modelWarnings, newest, secretsOfModel } from './model/create-models.ts'
import { openRepositories } from './open-repositories.ts'
import { reportActivity } from './report-activity.ts'
import { createSetupCache } from './setup/setup-cache.ts'
import { watchSandboxes } from './watch-sandboxes.ts'
import { watchWaits } from './watch-waits.ts'

/** How often the due set is looked at: the delay of everything that waits. */
const SWEEP_MS = 500
const SWEEP_BATCH = 100

/**
 * Builds the worker's parts and starts them: jobs, sweeper, reaper, retention, health. `around` may put something around
 * the ports that the stories work with; the crash matrix (e2e) does.
 */
export async function startWorker(
  config: WorkerConfig,
  { around = (deps) => deps }: { readonly around?: (deps: WorkerDeps) => WorkerDeps } = {},
): Promise<RunningService & { readonly log: Logger }> {
  const githubSecret = config.github.kind === 'token' ? config.github.token : config.github.privateKey
  const modelSecrets = secretsOfModel(config)
  const secrets = [config.redisUrl, ...modelSecrets, githubSecret]
  const log = createLogger({ service: 'worker', level: config.logLevel, secrets })
  const dataDirectory = resolve(config.dataDirectory)
  const redis = { redisUrl: config.redisUrl.reveal(), instance: config.instance }
  const driver = createSandboxDriver(config, {
    directory: join(dataDirectory, 'sandboxes'),
    isLive: async (owner) => !reporter.nothingMayBeLeft() && (await isLive(ledger, owner)),
    onWarning: (message, error) => log.warn({ error }, message),
  })
  const ledger = await connectLedger({ ...redis, bodyDirectory: join(dataDirectory, 'bodies') })
  await ledger.checkSafety()
  await ledger.raiseVersion()
  const queue = createTaskQueue(redis)
  const waits = await watchWaits(ledger.waits, (error) =>
    log.warn({ error }, 'the waits that workers share could not be read or told'),
  )
  const github = createGitHubClient({
    apiUrl: config.githubApiUrl,
    auth: githubAuth(config),
    onWarning: (message) => log.warn(message),
    waits,
  })
  const activity = createActivity()
  const deps: WorkerDeps = around({
    ledger,
    github,
    repositories: openRepositories({
      github,
      serverUrl: config.githubServerUrl,
      directory: join(dataDirectory, 'repositories'),
      author: { name: 'DevBot', email: 'devbot@devbot.invalid' },
      allowed: [config.repository, ...config.allowedRepositories],
      now: Date.now,
    }),
    sandboxes: watchSandboxes(driver),
    setupCache: setupCacheFor(config, driver, join(dataDirectory, 'setups'), log),
    modelFor: countedModels(createModels(config, waits), activity),
    activity,
    settings: settingsFor(config),
    secrets: [...modelSecrets, githubSecret, ...passwordOf(config.redisUrl)],
    log,
    now: Date.now,
    random: Math.random,
  })
  const shutdown = new AbortController()
  const onError = (error: unknown) => log.error({ error }, 'a part of the worker reported an error')
  const { owner: id, leaseMs } = deps.settings
  const reporter = reportActivity({ sandboxes: deps.sandboxes, ledger }, activity, { id, leaseMs, onError })
  const housekeeping = await keepHouse(deps, {
    retentionDays: config.retentionDays,
    // Nothing of a dead worker is free to go before its lease has ended.
    reapPeriodMs: deps.settings.leaseMs,
    onError,
  })
  const jobs = startTaskWorker({
    ...redis,
    concurrency: config.concurrency,
    handle: ({ taskId }, signal) => advanceTask(deps, taskId, AbortSignal.any([shutdown.signal, signal])),
    onError,
  })
  const sweeper = startSweeper({ ledger, queue, periodMs: SWEEP_MS, batch: SWEEP_BATCH, onError })
  const ops = await startOpsServer({
    port: config.opsPort,
    metrics: createMetrics(),
    notReady: async () => (await ledgerProblem(deps)) ?? sandboxProblem(deps),
  })
  for (const warning of modelWarnings(config)) log.warn(warning)
  log.info(
    {
      opsPort: ops.port,
      sandbox: driver.name,
      model: config.model,
      protocol: config.protocol,
      repository: config.repository,
    },
    'worker ready',
  )
  return {
    log,
    stop: async () => {
      shutdown.abort()
      await sweeper.close()
      await jobs.close()
      await reporter.close()
      await housekeeping.close()
      await waits.close()
      await ops.close()
      await queue.close()
      await ledger.close()
    },
  }
}

/** The password in Redis' address, when there is one. */
function passwordOf(redisUrl: Secret): readonly Secret[] {
  const { password } = new URL(redisUrl.reveal())
  return password === '' ? [] : [Secret.of(decodeURIComponent(password))]
}

function githubAuth({ github }: WorkerConfig): Parameters<typeof createGitHubClient>[0]['auth'] {
  if (github.kind === 'token') return { kind: 'token', token: () => newest(github.token) }
  return { kind: 'app', appId: github.appId, privateKey: () => newest(github.privateKey) }
}

function settingsFor(config: WorkerConfig): WorkerDeps['settings'] {
  return {
    instance: config.instance,
    owner: `${hostname()}-${process.pid}`,
    plansDirectory: resolve(config.plansDirectory),
    branchPrefix: config.branchPrefix,
    model: config.model,
    modelsAllowed: config.modelsAllowed,
    protocol: config.protocol,
    maxTurns: config.maxTurns,
    maxCostMicroUsd: Math.round(config.maxCostUsd * 1_000_000),
    maxCostPerDayMicroUsd: Math.round(config.maxCostUsdPerDay * 1_000_000),
    maxMinutes: config.maxMinutes,
    maxRounds: config.maxRounds,
    maxRoundsPerDay: config.maxRoundsPerDay,
    maxTokens: config.maxTokens,
    contextTokens: config.contextTokens,
    reconcileMs: config.reconcileSeconds * 1000,
    listingLagMs: config.listingLagSeconds * 1000,
    leaseMs: config.leaseSeconds * 1000,
    sandboxLimits: {
      memoryBytes: config.sandboxMemoryBytes,
      diskBytes: config.sandboxDiskBytes,
      cpus: config.sandboxCpus,
      processes: config.sandboxProcesses,
    },
    imagesAllowed: config.imagesAllowed,
    egressFromPolicy: config.egressFromPolicy,
    selfReview: config.selfReview,
    protectedPaths: config.protectedPaths,
  }
}

/** Whether a container's label names an owner that holds its task now. A label that is not ours to read names none. */
async function isLive(
  ledger: Pick<WorkerLedger, 'holdsLease'>,
  { taskId, epoch }: { readonly taskId: string; readonly epoch: number },
): Promise<boolean> {
  const id = taskIdSchema.safeParse(taskId)
  return id.success && Number.isSafeInteger(epoch) && (await ledger.holdsLease(id.data, epoch))
}

/**
 * Process sandboxes have no cache: each lies in another folder, and what setup makes often holds the folder's path (a
 * virtual environment of Python does).
 */
function setupCacheFor(config: WorkerConfig, driver: SandboxDriver, directory: string, log: Logger) {
  if (config.setupCacheBytes === 0 || driver.name === 'process') return undefined
  return createSetupCache({
    directory,
    maxBytes: config.setupCacheBytes,
    now: Date.now,
    onError: (error) => log.warn({ error, directory }, 'an entry of the setup cache could not be read or removed'),
  })
}

function sandboxProblem({ sandboxes }: Pick<WorkerDeps, 'sandboxes'>): string | undefined {
  if (sandboxes.areReady()) return undefined
  return `sandboxes cannot be made: ${sandboxes.problem() ?? 'their images are being made ready'}`
}

async function ledgerProblem(deps: WorkerDeps): Promise<string | undefined> {
  try {
    await deps.ledger.spentToday()
    return undefined
  } catch (error) {
    deps.log.warn({ error }, 'not ready: the ledger does not answer')
    return 'the ledger (Redis) does not answer'
  }
}
