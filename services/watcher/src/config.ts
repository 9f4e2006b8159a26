import { type Environment, integerVariable, loadConfig, sharedVariables } from '@devbot/config'
import { repositoryNameSchema } from '@devbot/contracts'

/** The watcher's settings (DESIGN.md section 10). Throws category `config` naming every variable that is wrong. */
export function loadWatcherConfig(env: Environment = process.env) {
  const { repository, allowedRepositories, ...config } = loadConfig(env, {
    plansDirectory: sharedVariables.plansDirectory,
    repository: sharedVariables.repository,
    allowedRepositories: sharedVariables.allowedRepositories,
    branchPrefix: sharedVariables.branchPrefix,
    redisUrl: sharedVariables.redisUrl,
    instance: sharedVariables.instance,
    opsPort: sharedVariables.opsPort,
    logLevel: sharedVariables.logLevel,
    maxFirstStart: integerVariable('MAX_FIRST_START', { min: 0, max: 100_000, default: 5 }),
  })
  const allowed = allowedRepositories.map((name) => repositoryNameSchema.parse(name))
  return { ...config, repositories: { default: repositoryNameSchema.parse(repository), allowed } }
}
