import { doctorSettings, readSetting } from '../../config.ts'
import { type Answer, missing } from './finding.ts'
import { secretWeakness } from './secret-weakness.ts'

/** Longest the ingress beside us may take to say that it is there. */
const ASK_TIMEOUT_MS = 3_000

/** What has to be pasted into GitHub's webhook form, whether the secret is a good one, whether the ingress answers. */
export async function lookAtWebhook(options: {
  readonly showSecret: boolean
  readonly isInside: boolean
}): Promise<Answer> {
  const secret = readSetting(doctorSettings.webhookSecrets)
  const publicUrl = readSetting(doctorSettings.publicUrl)
  const port = readSetting(doctorSettings.port)
  const lines = [
    "In GitHub's webhook form (repository, Settings, Webhooks):",
    `  payload URL   ${webhookAddress(publicUrl, port)}`,
    '  content type  application/json',
    `  secret        ${shownSecret(secret?.reveal(), options)}`,
    '  events        pull requests, pull request reviews, pull request review comments, issue comments',
    'No public address? Leave the form alone: DevBot looks at GitHub every RECONCILE_SECONDS.',
  ]
  if (secret === undefined)
    throw missing(['GITHUB_WEBHOOK_SECRET is not set; the ingress needs it.', ...lines].join('\n'))
  const weaknesses = [
    ...secret
      .reveal()
      .split(',')
      .map((part) => secretWeakness(part.trim())),
    publicUrl?.startsWith('http://') === true
      ? 'DEVBOT_PUBLIC_URL is http: put a TLS proxy in front, so that nobody on the way reads or replays reviews'
      : undefined,
    (await ingressAnswers(options.isInside, port))
      ? undefined
      : 'the ingress does not answer: it is not started, or not ready (docker compose logs webhook-ingress)',
  ].filter((weakness) => weakness !== undefined)
  return weaknesses.length === 0 ? lines.join('\n') : { weak: [...weaknesses, ...lines].join('\n') }
}

function webhookAddress(publicUrl: string | undefined, port: number): string {
  if (publicUrl !== undefined) return `${publicUrl.replace(/\/+$/, '')}/webhook`
  return `http://<this machine, as GitHub reaches it>:${port}/webhook   (DEVBOT_PUBLIC_URL names it here)`
}

function shownSecret(secret: string | undefined, { showSecret }: { readonly showSecret: boolean }): string {
  if (secret === undefined) return 'none yet (openssl rand -hex 32)'
  if (!showSecret) return 'devbot doctor --show-secret shows it'
  // During rotation the newer one comes last; GitHub gets that one.
  return secret.split(',').at(-1)?.trim() ?? secret
}

async function ingressAnswers(isInside: boolean, port: number): Promise<boolean> {
  const address = isInside ? 'http://webhook-ingress:8000/readyz' : `http://127.0.0.1:${port}/readyz`
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(ASK_TIMEOUT_MS) })
    await response.body?.cancel()
    return response.ok
  } catch {
    // Not there or not yet: that is the answer.
    return false
  }
}
