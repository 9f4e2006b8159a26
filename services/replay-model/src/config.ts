import {
  type ConfigOf,
  type Environment,
  integerVariable,
  loadConfig,
  secretVariable,
  sharedVariables,
  variable,
} from '@devbot/config'
import { z } from 'zod'

const table = {
  port: integerVariable('REPLAY_PORT', { min: 0, max: 65_535, default: 8787 }),
  host: variable('REPLAY_HOST', z.string().min(1, 'expected an address to listen on'), '127.0.0.1'),
  trajectories: variable('REPLAY_TRAJECTORIES', z.string().min(1, 'expected a folder of trajectories')),
  apiKey: secretVariable('ANTHROPIC_API_KEY', { expected: 'expected the key that clients of the replay model send' }),
  logLevel: sharedVariables.logLevel,
} as const

export type ReplayConfig = ConfigOf<typeof table>

/** The settings of the service, or one error that names every bad one. */
export function readConfig(env: Environment = process.env): ReplayConfig {
  return loadConfig(env, table)
}
