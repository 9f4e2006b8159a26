import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type Environment,
  integerVariable,
  listVariable,
  loadConfig,
  optionalSecretVariable,
  optionalVariable,
  readVariable,
  type Secret,
  sharedVariables,
  type Variable,
  variable,
} from '@devbot/config'
import { z } from 'zod'

/** The folder of the checkout. */
export const root = resolve(fileURLToPath(new URL('../../../', import.meta.url)))

const httpUrl = z.url({ protocol: /^https?$/, error: 'expected an http or https address' })

/** A folder of the settings: relative ones are meant from the checkout, wherever the person stands. */
export function fromRoot(folder: string): string {
  return resolve(root, folder)
}

/** Fills what the environment does not say from `.env`, as compose does. */
export function readEnvFile(): void {
  const file = join(root, '.env')
  if (existsSync(file)) process.loadEnvFile(file)
}

/** What the commands on tasks need. */
export function loadLedgerConfig(env = process.env) {
  return loadConfig(env, {
    redisUrl: sharedVariables.redisUrl,
    instance: sharedVariables.instance,
    dataDirectory: variable('DEVBOT_DATA_DIR', z.string().min(1), '.devbot/data'),
  })
}

/** What the commands on plan files need. */
export function loadPlanConfig(env = process.env) {
  return loadConfig(env, { plansDirectory: sharedVariables.plansDirectory })
}

/** As the worker reads them: in capital letters, else in small ones. */
function eitherCase<T>(name: string, read: (env: Environment, name: string) => T): Variable<T> {
  return { name, read: (env) => read({ ...env, [name]: isSet(env[name]) ? env[name] : env[name.toLowerCase()] }, name) }
}

function proxySetting(name: string): Variable<Secret | undefined> {
  return eitherCase(name, optionalSecretVariable(name, { expected: 'expected http://host:port' }).read)
}

/** Everything `doctor` looks at, one setting at a time, so that one bad setting does not hide the next. */
export const doctorSettings = {
  repository: sharedVariables.repository,
  allowedRepositories: sharedVariables.allowedRepositories,
  plansDirectory: sharedVariables.plansDirectory,
  branchPrefix: sharedVariables.branchPrefix,
  redisUrl: sharedVariables.redisUrl,
  instance: sharedVariables.instance,
  webhookSecrets: optionalSecretVariable('GITHUB_WEBHOOK_SECRET', {
    minLength: 16,
    expected: 'expected a random text of 16 characters or more; two comma-separated ones during rotation',
  }),
  anthropicApiKey: optionalSecretVariable('ANTHROPIC_API_KEY', {
    minLength: 8,
    expected: "expected the model provider's API key",
  }),
  anthropicAuthToken: optionalSecretVariable('ANTHROPIC_AUTH_TOKEN', {
    minLength: 8,
    expected: "expected the gateway's token",
  }),
  anthropicBaseUrl: variable('ANTHROPIC_BASE_URL', httpUrl, 'https://api.anthropic.com'),
  anthropicHeaders: optionalSecretVariable('ANTHROPIC_CUSTOM_HEADERS', { expected: 'expected lines Name: value' }),
  httpsProxy: proxySetting('HTTPS_PROXY'),
  httpProxy: proxySetting('HTTP_PROXY'),
  noProxy: eitherCase('NO_PROXY', (env, name) => env[name]),
  githubToken: optionalSecretVariable('GITHUB_TOKEN', { minLength: 8, expected: 'expected a GitHub token' }),
  githubAppId: optionalVariable('GITHUB_APP_ID', z.string().regex(/^\d{1,12}$/, "expected the app's number")),
  githubAppPrivateKey: optionalSecretVariable('GITHUB_APP_PRIVATE_KEY', {
    minLength: 64,
    expected: "expected the app's private key in PEM format",
  }),
  githubApiUrl: variable('GITHUB_API_URL', httpUrl, 'https://api.github.com'),
  publicUrl: optionalVariable('DEVBOT_PUBLIC_URL', httpUrl),
  port: integerVariable('PORT', { min: 0, max: 65_535, default: 8000 }),
  dockerHost: sharedVariables.dockerHost,
  sandboxImage: sharedVariables.sandboxImage,
  anchorImage: sharedVariables.anchorImage,
  egressVolume: sharedVariables.egressVolume,
  egressAllow: listVariable('EGRESS_ALLOW', z.string()),
  egressControlSocket: variable('EGRESS_CONTROL_SOCKET', z.string().min(1), '/run/egress-control/control.sock'),
  sandboxDriver: variable('SANDBOX_DRIVER', z.enum(['docker', 'process'], 'expected docker or process'), 'docker'),
} as const

/** Whether a command runs inside the compose project, or is meant for one. */
export function composeSettings(env = process.env) {
  return {
    isInside: env.DEVBOT_IN_COMPOSE === '1',
    hasLedgerAddress: isSet(env.REDIS_URL) || isSet(env.REDIS_URL_FILE),
    projectName: env.COMPOSE_PROJECT_NAME,
  }
}

function isSet(text: string | undefined): boolean {
  return text !== undefined && text.trim() !== ''
}

/** One setting alone; throws category `config` for a bad one. */
export function readSetting<T>(setting: Variable<T>, env = process.env): T {
  return readVariable(env, setting)
}

/** The environment for a service that is started from here. */
export function serviceEnvironment(changes: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  // Services started by hand share a machine: each takes a free port for health and metrics unless told otherwise.
  return { OPS_PORT: '0', ...process.env, ...changes }
}
