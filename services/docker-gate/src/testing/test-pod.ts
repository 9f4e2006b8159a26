import { randomBytes } from 'node:crypto'
import { sideServiceSchema } from '@devbot/contracts'
import type { PodProfile, PodService } from '../../../../packages/sandbox/src/docker/profile.ts'
import { type GateConfig, loadGateConfig } from '../config.ts'

/** A small image that the machine has; what is in it does not matter here. */
export const TEST_IMAGE = 'debian:bookworm-slim'

const MIB = 1024 ** 2

export function testConfig(env: Readonly<Record<string, string>> = {}): GateConfig {
  return loadGateConfig({
    DEVBOT_INSTANCE: 'test',
    SANDBOX_IMAGE: TEST_IMAGE,
    SANDBOX_ANCHOR_IMAGE: TEST_IMAGE,
    SANDBOX_MEMORY: '256m',
    SANDBOX_DISK: '128m',
    SANDBOX_CPUS: '0.5',
    SANDBOX_PIDS: '100',
    SERVICE_MEMORY: '128m',
    SERVICE_DISK: '128m',
    IMAGES_ALLOWED: `${TEST_IMAGE},allowed.example/*`,
    OPS_PORT: '0',
    LOG_LEVEL: 'silent',
    ...env,
  })
}

/** A side service as a policy may describe it; its image is there. */
export const TEST_SERVICE: PodService = {
  ...sideServiceSchema.parse({
    name: 'db-1',
    image: TEST_IMAGE,
    port: 5432,
    env: { PASSWORD: 'a=b c', EMPTY: '' },
    command: ['sleep', '300'],
  }),
  volumes: ['/data/', '/var/lib/x'],
}

/** What the driver would ask for with the settings of `config`. */
export function testProfile(config: GateConfig, changes: Partial<PodProfile> = {}): PodProfile {
  return {
    podId: randomBytes(12).toString('hex'),
    spec: {
      purpose: 'agent',
      instance: config.instance,
      taskId: 't0123456789ab',
      runId: 'r-0001',
      epoch: 3,
      limits: {
        memoryBytes: 256 * MIB,
        diskBytes: 128 * MIB,
        cpus: 0.5,
        processes: 100,
        maxMinutes: 5,
      },
    },
    sandboxImage: config.sandboxImage,
    anchorImage: config.anchorImage,
    runtime: config.runtime,
    workspace: 'memory',
    keeper: 'sleep',
    services: [],
    serviceLimits: { memoryBytes: config.serviceMemoryBytes, diskBytes: config.serviceDiskBytes },
    ...(config.egressVolume === undefined ? {} : { egressVolume: config.egressVolume }),
    expiresAtMs: Date.now() + 3_600_000,
    ...changes,
  }
}
