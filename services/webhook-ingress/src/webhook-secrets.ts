import type { Logger, Secret } from '@devbot/config'

/** Shorter ones can be guessed from one signed delivery (DESIGN.md section 10). */
export const MIN_SECRET_LENGTH = 16
const MAX_SECRETS = 2
/** A rotated file counts after this time at the latest; no request makes it read more often. */
const READ_EVERY_MS = 5_000

/** The secrets in a text of one, or of two with a comma between; undefined when it is neither. */
export function webhookSecretsIn(text: string): readonly string[] | undefined {
  const secrets = text.split(',').map((part) => part.trim())
  const good = secrets.length <= MAX_SECRETS && secrets.every((secret) => secret.length >= MIN_SECRET_LENGTH)
  return good ? secrets : undefined
}

/**
 * The secrets that count now; the file they come from is read again from time to time. While that fails, or holds no
 * good secret, the last good ones count. Throws never; expects that the secret was good at start.
 */
export function createWebhookSecrets(
  secret: Secret,
  log: Logger,
  nowMs: () => number = Date.now,
): () => readonly string[] {
  let current = webhookSecretsIn(secret.reveal()) ?? []
  let nextReadAtMs = nowMs() + READ_EVERY_MS
  return () => {
    if (nowMs() < nextReadAtMs) return current
    nextReadAtMs = nowMs() + READ_EVERY_MS
    try {
      if (!secret.refresh()) return current
      const next = webhookSecretsIn(secret.reveal())
      if (next === undefined) log.error('the new GITHUB_WEBHOOK_SECRET is malformed; the old one still counts')
      else log.info('a new GITHUB_WEBHOOK_SECRET counts from now on')
      current = next ?? current
    } catch (error) {
      log.error({ error }, 'GITHUB_WEBHOOK_SECRET_FILE cannot be read; the secret read last still counts')
    }
    return current
  }
}
