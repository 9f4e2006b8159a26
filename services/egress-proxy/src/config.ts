import {
  type ConfigOf,
  type Environment,
  loadConfig,
  sharedVariables,
  type Variable,
  VariableProblem,
  variable,
} from '@devbot/config'
import { EGRESS_SOCKET_FOLDER } from '@devbot/contracts'
import { z } from 'zod'
import { type AllowList, parseAllowList } from './parse-allow-list.ts'

/** A Unix socket's path has at most 107 bytes; a pod's socket needs 30 of them for its name. */
const socketFolder = z
  .string()
  .regex(/^\/[^\0]{0,75}$/, 'expected an absolute path of at most 76 characters')
  .refine(isShort(76), 'expected an absolute path of at most 76 bytes')
const socketPath = z
  .string()
  .regex(/^\/[^\0]{1,106}$/, 'expected an absolute path of at most 107 characters')
  .refine(isShort(107), 'expected an absolute path of at most 107 bytes')

const table = {
  allow: allowListVariable(),
  /** Whether a repository's policy may add hosts for its own sandboxes. The worker only asks; this decides. */
  fromPolicy: variable('EGRESS_FROM_POLICY', z.enum(['true', 'false'], 'expected true or false'), 'false'),
  socketFolder: variable('EGRESS_SOCKET_FOLDER', socketFolder, EGRESS_SOCKET_FOLDER),
  controlSocket: variable('EGRESS_CONTROL_SOCKET', socketPath, '/run/egress-control/control.sock'),
  opsPort: sharedVariables.opsPort,
  logLevel: sharedVariables.logLevel,
} as const

export type EgressProxyConfig = ConfigOf<typeof table>

/** The proxy's settings. Throws category `config` naming every variable and every EGRESS_ALLOW entry that is malformed. */
export function loadEgressProxyConfig(env: Environment = process.env): EgressProxyConfig {
  return loadConfig(env, table)
}

function allowListVariable(): Variable<AllowList> {
  return {
    name: 'EGRESS_ALLOW',
    read: (env) => {
      const { list, problems } = parseAllowList(env.EGRESS_ALLOW ?? '')
      if (problems.length > 0) throw new VariableProblem(problems.join('; '))
      return list
    },
  }
}

function isShort(maxBytes: number): (text: string) => boolean {
  return (text) => Buffer.byteLength(text) <= maxBytes
}
