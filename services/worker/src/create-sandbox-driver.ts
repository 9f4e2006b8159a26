import { existsSync } from 'node:fs'
import { DevBotError } from '@devbot/contracts'
import { assertProcessDriverAllowed, createProcessDriver, type SandboxDriver } from '@devbot/sandbox'
import type { WorkerConfig } from './config.ts'

/** A file system in memory, where Linux has it: the tool channel's small files are made there in no time. */
const MEMORY_FOLDER = '/dev/shm'

/** The driver the operator chose. Throws category `config` for one that may not or cannot run here. */
export function createSandboxDriver(config: WorkerConfig, directory: string): SandboxDriver {
  if (config.sandboxDriver === 'docker') {
    throw new DevBotError({
      category: 'config',
      code: 'sandbox-driver-missing',
      message:
        'SANDBOX_DRIVER: the docker driver is not part of this version yet; process works where model and GitHub are both on this machine (demo, development, tests)',
    })
  }
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
