import { existsSync } from 'node:fs'
import {
  assertProcessDriverAllowed,
  createDockerDriver,
  createEgressClient,
  createProcessDriver,
  type SandboxDriver,
} from '@devbot/sandbox'
import type { WorkerConfig } from './config.ts'

/** A file system in memory, where Linux has it: the tool channel's small files are made there in no time. */
const MEMORY_FOLDER = '/dev/shm'

export type SandboxDriverOptions = {
  /** Where process sandboxes get their folders. */
  readonly directory: string
  /** Whether the owner that a container is labelled with still holds its task. */
  readonly isLive: (owner: {
    readonly taskId: string
    readonly runId: string
    readonly epoch: number
  }) => Promise<boolean>
  readonly onWarning: (message: string, error?: unknown) => void
}

/** The driver the operator chose; asks no engine yet. Throws category `config` for one that may not run here. */
export function createSandboxDriver(config: WorkerConfig, options: SandboxDriverOptions): SandboxDriver {
  return config.sandboxDriver === 'docker' ? dockerDriver(config, options) : processDriver(config, options)
}

function dockerDriver(config: WorkerConfig, { isLive, onWarning }: SandboxDriverOptions): SandboxDriver {
  const { egress } = config
  return createDockerDriver({
    dockerHost: config.dockerHost,
    instance: config.instance,
    sandboxImage: config.sandboxImage,
    anchorImage: config.anchorImage,
    runtime: config.sandboxRuntime,
    pull: config.sandboxPull,
    imagesAllowed: config.imagesAllowed,
    serviceLimits: { memoryBytes: config.serviceMemoryBytes, diskBytes: config.serviceDiskBytes },
    workspace: config.sandboxWorkspace,
    ...(egress === undefined
      ? {}
      : {
          egress: {
            volume: egress.volume,
            client: createEgressClient({ controlSocket: egress.controlSocket, onWarning }),
          },
        }),
    isLive,
    onWarning,
  })
}

function processDriver(config: WorkerConfig, { directory }: SandboxDriverOptions): SandboxDriver {
  assertProcessDriverAllowed({
    modelUrl: config.anthropicBaseUrl,
    githubUrl: config.githubServerUrl,
    githubApiUrl: config.githubApiUrl,
  })
  return createProcessDriver({
    rootDirectory: directory,
    instance: config.instance,
    pathEnvironment: sandboxPath(),
    ...(existsSync(MEMORY_FOLDER) ? { scratchDirectory: MEMORY_FOLDER } : {}),
  })
}

/** Programs a process sandbox finds: the machine's, and the Node that runs DevBot first. */
function sandboxPath(): string {
  const nodeFolder = process.execPath.replace(/\/[^/]*$/, '')
  return [nodeFolder, '/usr/local/bin', '/usr/bin', '/bin', '/usr/local/sbin', '/usr/sbin', '/sbin'].join(':')
}
