import { type ConfigOf, integerVariable, loadConfig, sharedVariables, variable } from '@devbot/config'
import { z } from 'zod'

/** Linux keeps 108 bytes for a Unix socket's path, one of them a zero. */
const socketPath = z.string().regex(/^\/[^\0]{1,106}$/, "expected a Unix socket's absolute path, up to 107 characters")

const table = {
  instance: sharedVariables.instance,
  logLevel: sharedVariables.logLevel,
  opsPort: sharedVariables.opsPort,
  sandboxImage: sharedVariables.sandboxImage,
  anchorImage: sharedVariables.anchorImage,
  runtime: sharedVariables.sandboxRuntime,
  memoryBytes: sharedVariables.sandboxMemoryBytes,
  diskBytes: sharedVariables.sandboxDiskBytes,
  cpus: sharedVariables.sandboxCpus,
  processes: sharedVariables.sandboxProcesses,
  imagesAllowed: sharedVariables.imagesAllowed,
  serviceMemoryBytes: sharedVariables.serviceMemoryBytes,
  serviceDiskBytes: sharedVariables.serviceDiskBytes,
  egressVolume: sharedVariables.egressVolume,
  /** Where the worker connects. */
  gateSocket: variable('GATE_SOCKET', socketPath, '/run/docker-gate/docker.sock'),
  /** Who may connect. With 0666 the folder decides: in compose a volume that only gate and worker mount. */
  gateSocketMode: variable('GATE_SOCKET_MODE', z.enum(['0600', '0660', '0666'], 'expected 0600, 0660 or 0666'), '0660'),
  /** Where the engine listens. */
  dockerSocket: variable('DOCKER_SOCKET', socketPath, '/var/run/docker.sock'),
  /** Pods of this instance that may exist at once, so that a loop in the worker cannot eat the machine. */
  maxSandboxes: integerVariable('GATE_MAX_SANDBOXES', { min: 1, max: 10_000, default: 64 }),
} as const

export type GateConfig = ConfigOf<typeof table>

/** What a create body is checked against. */
export type ProfileLimits = Pick<
  GateConfig,
  | 'instance'
  | 'sandboxImage'
  | 'anchorImage'
  | 'runtime'
  | 'memoryBytes'
  | 'diskBytes'
  | 'cpus'
  | 'processes'
  | 'imagesAllowed'
  | 'serviceMemoryBytes'
  | 'serviceDiskBytes'
  | 'egressVolume'
>

/** The gate's settings. Throws category `config` naming every variable that is malformed. */
export function loadGateConfig(env: Readonly<Record<string, string | undefined>> = process.env): GateConfig {
  return loadConfig(env, table)
}
