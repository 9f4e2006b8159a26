import { execFile } from 'node:child_process'
import { access, constants, stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import { DevBotError } from '@devbot/contracts'
import { createGitHubClient } from '@devbot/github'
import { doctorSettings, fromRoot, readSetting } from '../config.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Output } from '../output.ts'
import { withLedger } from './with-ledger.ts'

const run = promisify(execFile)

type Finding = {
  readonly name: string
  readonly ok: boolean
  /** What was found, or what is missing and how to mend it. */
  readonly detail: string
}

/** Longest a question to another system may take. */
const ASK_TIMEOUT_MS = 10_000

const CHECKS: readonly { readonly name: string; readonly look: () => Promise<string> }[] = [
  { name: 'git', look: lookAtGit },
  { name: 'plan folder (AI_DOCS_DIR)', look: lookAtPlanFolder },
  { name: 'Redis (REDIS_URL)', look: lookAtRedis },
  { name: 'GitHub (GITHUB_TOKEN or app, REPO_NAME)', look: lookAtGitHub },
  { name: 'model (ANTHROPIC_API_KEY)', look: lookAtModel },
  { name: 'webhook (GITHUB_WEBHOOK_SECRET)', look: lookAtWebhook },
  { name: 'sandbox (SANDBOX_DRIVER)', look: lookAtSandbox },
]

/** `doctor`: looks at everything DevBot needs; each missing thing is named with its fix. Spends nothing, changes nothing. */
export async function doctor(output: Output): Promise<ExitCode> {
  const findings = await Promise.all(CHECKS.map(examine))
  output.answer(findings, () =>
    findings
      .map(
        ({ name, ok, detail }) =>
          `${ok ? 'ok      ' : 'MISSING '} ${name}\n           ${detail.replaceAll('\n', '\n           ')}`,
      )
      .join('\n'),
  )
  return findings.every(({ ok }) => ok) ? EXIT.done : EXIT.needsPerson
}

async function examine({ name, look }: (typeof CHECKS)[number]): Promise<Finding> {
  try {
    return { name, ok: true, detail: await look() }
  } catch (error) {
    if (!(error instanceof DevBotError)) throw error
    return { name, ok: false, detail: error.message }
  }
}

function missing(message: string, cause?: unknown): DevBotError {
  return new DevBotError({ category: 'config', code: 'doctor-finding', message, cause })
}

/** The release that fixed the July 2025 advisories; the worker runs git on what strangers wrote. Source: THREATS.md 4.2. */
const FIXED_GIT = { '2.39': 5, '2.43': 7, '2.45': 4, '2.47': 3, '2.48': 2, '2.49': 1, '2.50': 1 } as const

async function lookAtGit(): Promise<string> {
  const { stdout } = await run('git', ['--version']).catch((cause: unknown) => {
    throw missing('git is not there; install it (Debian, Ubuntu: apt-get install git)', cause)
  })
  const version = /(\d+)\.(\d+)\.(\d+)/.exec(stdout)
  const series = `${version?.[1]}.${version?.[2]}`
  const fixed = Object.entries(FIXED_GIT).find(([name]) => name === series)?.[1]
  const isOld = fixed !== undefined && Number(version?.[3]) < fixed
  return `${stdout.trim()}${isOld ? `; older than ${series}.${fixed}, which mends known holes: update it (a distribution may have patched it without changing the number)` : ''}`
}

async function lookAtPlanFolder(): Promise<string> {
  const folder = fromRoot(readSetting(doctorSettings.plansDirectory))
  try {
    const found = await stat(folder)
    if (!found.isDirectory()) throw missing(`${folder} is not a folder; set AI_DOCS_DIR to the folder with the plans`)
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK)
    return `${folder} can be read and written`
  } catch (error) {
    if (error instanceof DevBotError) throw error
    throw missing(
      `${folder} cannot be read and written; make it (mkdir -p ${folder}) and give it to the user DevBot runs as`,
      error,
    )
  }
}

async function lookAtRedis(): Promise<string> {
  return withLedger(async (ledger) => {
    await ledger.checkSafety()
    return `answers and is set safely; ${await ledger.countTasks()} tasks so far`
  })
}

async function lookAtGitHub(): Promise<string> {
  const repository = readSetting(doctorSettings.repository)
  const github = createGitHubClient({ apiUrl: readSetting(doctorSettings.githubApiUrl), auth: githubAuth() })
  const [login, facts] = await Promise.all([github.login(), github.repository(repository)])
  if (!facts.canPush)
    throw missing(`${login} may not push to ${repository}; grant write access to contents and pull requests`)
  return `${login} may push to ${facts.name} (default branch ${facts.defaultBranch})`
}

function githubAuth(): Parameters<typeof createGitHubClient>[0]['auth'] {
  const appId = readSetting(doctorSettings.githubAppId)
  const privateKey = readSetting(doctorSettings.githubAppPrivateKey)
  if (appId !== undefined && privateKey !== undefined)
    return { kind: 'app', appId, privateKey: () => privateKey.reveal() }
  const token = readSetting(doctorSettings.githubToken)
  if (token === undefined)
    throw missing(
      'set GITHUB_TOKEN (a fine-grained token with write access to contents and pull requests), or GITHUB_APP_ID with GITHUB_APP_PRIVATE_KEY',
    )
  return { kind: 'token', token: () => token.reveal() }
}

/** Listing models is free and needs a good key; an endpoint that does not know the list is reachable all the same. */
async function lookAtModel(): Promise<string> {
  const key = readSetting(doctorSettings.anthropicApiKey)
  if (key === undefined) throw missing("set ANTHROPIC_API_KEY (or ANTHROPIC_API_KEY_FILE) to the provider's key")
  const baseUrl = readSetting(doctorSettings.anthropicBaseUrl)
  const address = new URL('v1/models?limit=1', `${baseUrl.replace(/\/+$/, '')}/`)
  const response = await fetch(address, {
    headers: { 'x-api-key': key.reveal(), 'anthropic-version': '2023-06-01' },
    signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
    redirect: 'error',
  }).catch((cause: unknown) => {
    throw missing(`${baseUrl} does not answer; check ANTHROPIC_BASE_URL and the network`, cause)
  })
  if (response.status === 401 || response.status === 403)
    throw missing(`${baseUrl} refuses the key (status ${response.status}); check ANTHROPIC_API_KEY`)
  return response.ok
    ? `${baseUrl} accepts the key`
    : `${baseUrl} answers (status ${response.status} to a question for its models)`
}

async function lookAtWebhook(): Promise<string> {
  const missingSecret = readSetting(doctorSettings.webhookSecrets) === undefined
  return [
    ...(missingSecret
      ? ['not set: the ingress needs it; without webhooks DevBot looks at GitHub every RECONCILE_SECONDS.']
      : []),
    "In GitHub's webhook form: payload URL https://<where the ingress is reached>/webhook, content type application/json,",
    'secret: the value of GITHUB_WEBHOOK_SECRET, events: pull requests, pull request reviews, pull request review comments, issue comments.',
    'Without a public address DevBot works too: it looks at GitHub every RECONCILE_SECONDS.',
  ].join('\n')
}

async function lookAtSandbox(): Promise<string> {
  if (readSetting(doctorSettings.sandboxDriver) === 'process')
    return 'process: no isolation; only where model and GitHub are both on this machine'
  throw missing('docker: this version has the process driver only, for demo and development (npm run demo)')
}
