import { type ConfigOf, configError, integerVariable, loadConfig, sharedVariables } from '@devbot/config'
import type { RepositoryName } from '@devbot/contracts'
import { MIN_SECRET_LENGTH, webhookSecretsIn } from './webhook-secrets.ts'

const table = {
  redisUrl: sharedVariables.redisUrl,
  instance: sharedVariables.instance,
  logLevel: sharedVariables.logLevel,
  opsPort: sharedVariables.opsPort,
  repository: sharedVariables.repository,
  allowedRepositories: sharedVariables.allowedRepositories,
  branchPrefix: sharedVariables.branchPrefix,
  webhookSecrets: sharedVariables.webhookSecrets,
  port: integerVariable('PORT', { min: 0, max: 65_535, default: 8000 }),
  /**
   * GitHub sends a review and each of its inline comments apart, and people comment line by line: a round begins when
   * so long nothing more came, and at the latest after ten times that.
   */
  settleSeconds: integerVariable('SETTLE_SECONDS', { min: 1, max: 300, default: 8 }),
} as const

export type IngressConfig = ConfigOf<typeof table>

/** The ingress' settings. Throws category `config` naming every variable that is missing or malformed. */
export function loadIngressConfig(env: Readonly<Record<string, string | undefined>> = process.env): IngressConfig {
  const config = loadConfig(env, table)
  if (webhookSecretsIn(config.webhookSecrets.reveal()) === undefined) {
    throw configError([
      `GITHUB_WEBHOOK_SECRET: malformed; expected one random text of ${MIN_SECRET_LENGTH} characters or more, or two comma-separated ones during rotation`,
    ])
  }
  return config
}

/** REPO_NAME and what ALLOWED_REPOS adds to it. */
export function allowedRepositoriesOf(config: IngressConfig): readonly RepositoryName[] {
  return [...new Set([config.repository, ...config.allowedRepositories])]
}
