import {
  type ConfigOf,
  configError,
  integerVariable,
  listVariable,
  loadConfig,
  numberVariable,
  optionalSecretVariable,
  optionalVariable,
  type Secret,
  sharedVariables,
  sizeVariable,
  type Variable,
  VariableProblem,
  variable,
} from '@devbot/config'
import { isGlob } from '@devbot/git'
import { z } from 'zod'
import { modelSettingProblems, modelVariables } from './model/model-variables.ts'

const httpUrl = z.url({ protocol: /^https?$/, error: 'expected an http or https address' })

export type GitHubCredentials =
  | { readonly kind: 'token'; readonly token: Secret }
  | { readonly kind: 'app'; readonly appId: string; readonly privateKey: Secret }

const githubToken = optionalSecretVariable('GITHUB_TOKEN', { minLength: 8, expected: 'expected a GitHub token' })
const githubAppId = optionalVariable('GITHUB_APP_ID', z.string().regex(/^\d{1,12}$/, "expected the app's number"))
const githubAppPrivateKey = optionalSecretVariable('GITHUB_APP_PRIVATE_KEY', {
  minLength: 64,
  expected: "expected the app's private key in PEM format",
})

/** An app where there is one, else the token; one of them has to be there. */
const githubCredentials: Variable<GitHubCredentials> = {
  name: 'GITHUB_TOKEN',
  read: (env) => {
    const appId = githubAppId.read(env)
    const privateKey = githubAppPrivateKey.read(env)
    if (appId !== undefined && privateKey !== undefined) return { kind: 'app', appId, privateKey }
    const token = githubToken.read(env)
    if (token !== undefined) return { kind: 'token', token }
    throw new VariableProblem('missing; set it, or GITHUB_APP_ID together with GITHUB_APP_PRIVATE_KEY')
  },
}

const egressControlSocket = optionalVariable(
  'EGRESS_CONTROL_SOCKET',
  z.string().regex(/^\/[^\0]{1,100}$/, "expected the absolute path of the egress-proxy's control socket"),
)

/** The way out of sandboxes: the proxy's volume and its control socket, or none of them. */
const egress: Variable<{ readonly volume: string; readonly controlSocket: string } | undefined> = {
  name: 'EGRESS_VOLUME, EGRESS_CONTROL_SOCKET',
  read: (env) => {
    const volume = sharedVariables.egressVolume.read(env)
    const controlSocket = egressControlSocket.read(env)
    if (volume !== undefined && controlSocket !== undefined) return { volume, controlSocket }
    if (volume !== undefined) throw new VariableProblem('EGRESS_CONTROL_SOCKET is missing; set both or none')
    if (controlSocket !== undefined) throw new VariableProblem('EGRESS_VOLUME is missing; set both or none')
    return undefined
  },
}

/** What a change must not touch unless the operator says so: what runs on GitHub, who must review, and DevBot's own rules. */
const PROTECTED_BY_DEFAULT =
  '.github/workflows/**,.github/actions/**,.devbot.yml,.devbot.yaml,CODEOWNERS,.github/CODEOWNERS,docs/CODEOWNERS'
const protectedGlobs = listVariable(
  'PROTECTED_PATHS',
  z.string().max(400).refine(isGlob, 'expected globs from the root like .github/workflows/**, or none'),
  PROTECTED_BY_DEFAULT,
)
/** `none` because an empty variable counts as absent. */
const protectedPaths: typeof protectedGlobs = {
  name: 'PROTECTED_PATHS',
  read: (env) => (env.PROTECTED_PATHS?.trim() === 'none' ? [] : protectedGlobs.read(env)),
}

const CONTEXT_EXPECTED = 'expected a whole number of tokens from 8000 to 100000000'

const table = {
  redisUrl: sharedVariables.redisUrl,
  instance: sharedVariables.instance,
  logLevel: sharedVariables.logLevel,
  opsPort: sharedVariables.opsPort,
  repository: sharedVariables.repository,
  allowedRepositories: sharedVariables.allowedRepositories,
  branchPrefix: sharedVariables.branchPrefix,
  plansDirectory: sharedVariables.plansDirectory,
  ...modelVariables,
  github: githubCredentials,
  githubApiUrl: variable('GITHUB_API_URL', httpUrl, 'https://api.github.com'),
  githubServerUrl: variable('GITHUB_SERVER_URL', httpUrl, 'https://github.com'),
  reconcileSeconds: integerVariable('RECONCILE_SECONDS', { min: 1, max: 86_400, default: 120 }),
  /** Longer than a request to GitHub may take (30 s), so that one that is still under way is counted, too. */
  listingLagSeconds: integerVariable('GITHUB_LISTING_LAG_SECONDS', { min: 0, max: 600, default: 35 }),
  /** Shorter, a worker that is only slow loses its tasks to another; longer, those of a dead one lie still. */
  leaseSeconds: integerVariable('LEASE_SECONDS', { min: 5, max: 600, default: 20 }),
  concurrency: integerVariable('WORKER_CONCURRENCY', { min: 1, max: 64, default: 2 }),
  maxTurns: integerVariable('MAX_TURNS', { min: 1, max: 1000, default: 100 }),
  maxCostUsd: numberVariable('MAX_COST_USD', { min: 0.01, max: 10_000, default: 10 }),
  maxMinutes: numberVariable('MAX_MINUTES', { min: 0.1, max: 1440, default: 60 }),
  maxRounds: integerVariable('MAX_ROUNDS', { min: 1, max: 1000, default: 10 }),
  /** As many as MAX_COST_USD_PER_DAY pays for at half a dollar each. */
  maxRoundsPerDay: integerVariable('MAX_ROUNDS_PER_DAY', { min: 1, max: 100_000, default: 100 }),
  /** About five runs of 100 turns at 100,000 tokens each: reached where a model's price is 0 or far too low, not before money. */
  maxTokens: integerVariable('MAX_TOKENS', { min: 10_000, max: 1_000_000_000_000, default: 50_000_000 }),
  /** The model's window, where DevBot's own table is wrong or the model not in it. Below the minimum not even a plan fits. */
  contextTokens: optionalVariable(
    'CONTEXT_TOKENS',
    z
      .string()
      .regex(/^\d{1,9}$/, CONTEXT_EXPECTED)
      .transform(Number)
      .refine((tokens) => tokens >= 8_000 && tokens <= 100_000_000, CONTEXT_EXPECTED),
  ),
  maxCostUsdPerDay: numberVariable('MAX_COST_USD_PER_DAY', { min: 0.01, max: 100_000, default: 50 }),
  sandboxDriver: variable('SANDBOX_DRIVER', z.enum(['process', 'docker'], 'expected docker or process'), 'docker'),
  dockerHost: sharedVariables.dockerHost,
  sandboxImage: sharedVariables.sandboxImage,
  anchorImage: sharedVariables.anchorImage,
  sandboxRuntime: sharedVariables.sandboxRuntime,
  sandboxMemoryBytes: sharedVariables.sandboxMemoryBytes,
  sandboxDiskBytes: sharedVariables.sandboxDiskBytes,
  sandboxCpus: sharedVariables.sandboxCpus,
  sandboxProcesses: sharedVariables.sandboxProcesses,
  imagesAllowed: sharedVariables.imagesAllowed,
  serviceMemoryBytes: sharedVariables.serviceMemoryBytes,
  serviceDiskBytes: sharedVariables.serviceDiskBytes,
  /** When images are pulled: `never` is for machines without a registry. */
  sandboxPull: variable(
    'SANDBOX_PULL',
    z.enum(['missing', 'always', 'never'], 'expected missing, always or never'),
    'missing',
  ),
  /** Where a sandbox keeps its files: `auto` takes memory for small trees and a volume for large ones. */
  sandboxWorkspace: variable(
    'SANDBOX_WORKSPACE',
    z.enum(['auto', 'memory', 'volume'], 'expected auto, memory or volume'),
    'auto',
  ),
  egress,
  /** Whether a repository's policy may add hosts for its own sandboxes; the egress-proxy asks the same variable. */
  egressFromPolicy: variable(
    'EGRESS_FROM_POLICY',
    z.enum(['true', 'false'], 'expected true or false').transform((text) => text === 'true'),
    'false',
  ),
  protectedPaths,
  /** Whether a finished change is looked at with fresh eyes; a policy's `self_review` wins. */
  selfReview: variable(
    'SELF_REVIEW',
    z.enum(['true', 'false'], 'expected true or false').transform((text) => text === 'true'),
    'true',
  ),
  /** What is kept of setup commands; 0: nothing. */
  setupCacheBytes: sizeVariable('SETUP_CACHE_SIZE', { minBytes: 0, default: '5g' }),
  retentionDays: integerVariable('RETENTION_DAYS', { min: 1, max: 3650, default: 30 }),
  /** Where the bare stores, large turn bodies and process sandboxes live; a volume in compose. */
  dataDirectory: variable('DEVBOT_DATA_DIR', z.string().min(1).max(4096), '.devbot/data'),
} as const

export type WorkerConfig = ConfigOf<typeof table>

/** The worker's settings. Throws category `config` naming every variable that is missing or malformed. */
export function loadWorkerConfig(env = process.env): WorkerConfig {
  const config = loadConfig(env, table)
  const problems = modelSettingProblems(config)
  if (problems.length > 0) throw configError(problems)
  return config
}
