import { type ConfigOf, configError, integerVariable, loadConfig, sharedVariables } from '@devbot/config'
import { type RepositoryName, repositoryNameSchema } from '@devbot/contracts'
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

/** ALLOWED_REPOS, or the one repository. */
export function allowedRepositoriesOf(config: IngressConfig): readonly RepositoryName[] {
  const names = config.allowedRepositories.length > 0 ? config.allowedRepositories : [config.repository]
  return names.map((name) => repositoryNameSchema.parse(name))
}
