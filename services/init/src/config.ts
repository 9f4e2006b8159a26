import {
  configError,
  integerVariable,
  loadConfig,
  optionalSecretVariable,
  sharedVariables,
  variable,
} from '@devbot/config'
import { z } from 'zod'

/** Shorter secrets are refused by the ingress too. */
const MIN_SECRET_LENGTH = 16

const webhookSecretExpected =
  'expected one random text of 16 characters or more, or two comma-separated ones during rotation; leave it empty and one is made'

const table = {
  instance: sharedVariables.instance,
  logLevel: sharedVariables.logLevel,
  /** The operator's own; absent: init makes one. */
  webhookSecret: optionalSecretVariable('GITHUB_WEBHOOK_SECRET', { expected: webhookSecretExpected }),
  /** What is prepared: everything the project needs, or what its profile `demo` needs besides. */
  target: variable('INIT_TARGET', z.enum(['project', 'demo'], 'expected project or demo'), 'project'),
  /** The demo's GitHub is published here on the machine's loopback; links for people lead there. */
  demoGithubPort: integerVariable('DEMO_GITHUB_PORT', { min: 1, max: 65_535, default: 8090 }),
}

/** Init's settings. Throws category `config` naming every variable that is malformed. */
export function loadInitConfig(env: Readonly<Record<string, string | undefined>> = process.env) {
  const config = loadConfig(env, table)
  const parts = config.webhookSecret?.reveal().split(',') ?? []
  if (parts.length > 2 || parts.some((part) => part.trim().length < MIN_SECRET_LENGTH)) {
    throw configError([`GITHUB_WEBHOOK_SECRET: malformed; ${webhookSecretExpected}`])
  }
  return config
}
