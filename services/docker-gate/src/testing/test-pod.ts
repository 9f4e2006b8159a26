import { randomBytes } from 'node:crypto'
import type { PodProfile } from '../../../../packages/sandbox/src/docker/profile.ts'
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
    OPS_PORT: '0',
    LOG_LEVEL: 'silent',
    ...env,
  })
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
    ...(config.egressVolume === undefined ? {} : { egressVolume: config.egressVolume }),
    expiresAtMs: Date.now() + 3_600_000,
    ...changes,
  }
}
