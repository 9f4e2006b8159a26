import { branchNameProblem, repositoryNameSchema } from '@devbot/contracts'
import { z } from 'zod'
import { integerVariable, listVariable, optionalSecretVariable, secretVariable, variable } from './load-config.ts'
import { Secret } from './secret.ts'

/** Variables that several services read, each defined once. Names and defaults are the outside contract (DESIGN.md 10). */
const redisUrl = optionalSecretVariable('REDIS_URL', { expected: 'expected redis://host:port' })

export const sharedVariables = {
  /** A secret because it may hold the password. */
  redisUrl: {
    name: 'REDIS_URL',
    read: (env: Readonly<Record<string, string | undefined>>) =>
      redisUrl.read(env) ?? Secret.of('redis://127.0.0.1:6379'),
  },
  instance: variable(
    'DEVBOT_INSTANCE',
    z.string().regex(/^[a-z0-9][a-z0-9_-]{0,39}$/, 'expected up to 40 lower-case letters, digits, _ or -'),
    'devbot',
  ),
  logLevel: variable(
    'LOG_LEVEL',
    z.enum(
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
      'expected fatal, error, warn, info, debug, trace or silent',
    ),
    'info',
  ),
  opsPort: integerVariable('OPS_PORT', { min: 0, max: 65_535, default: 9464 }),
  repository: variable('REPO_NAME', repositoryNameSchema),
  allowedRepositories: listVariable('ALLOWED_REPOS', repositoryNameSchema),
  branchPrefix: variable(
    'BRANCH_PREFIX',
    z
      .string()
      .refine(
        (text) => text.endsWith('/') && branchNameProblem(`${text}x`) === undefined,
        'expected a branch prefix that ends with a slash, like agent/',
      ),
    'agent/',
  ),
  plansDirectory: variable('AI_DOCS_DIR', z.string().min(1).max(4096), 'ai-docs'),
  webhookSecrets: secretVariable('GITHUB_WEBHOOK_SECRET', {
    minLength: 16,
    expected: 'expected a random text of 16 characters or more; two comma-separated ones during rotation',
  }),
} as const
