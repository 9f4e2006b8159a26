import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { DevBotError } from '@devbot/contracts'
import { createSandbox } from '../create-sandbox.ts'
import type { SandboxDriver, SandboxImages } from '../sandbox.ts'
import { createProcessEngine } from './process-engine.ts'
import { countSandboxes, instanceFolder, reapDeadSandboxes } from './reap.ts'
import { newSandboxId } from './sandbox-id.ts'

export type ProcessDriverOptions = {
  /** Under it each sandbox gets a folder; made when missing. */
  readonly rootDirectory: string
  /**
   * A folder in memory (`/dev/shm`) for the tool channel's small files, where each call makes five: on a disk they can cost
   * more than the command. Absent: in the sandbox's folder.
   */
  readonly scratchDirectory?: string
  /** The PATH of the sandboxes; the only thing they share with the machine's environment. */
  readonly pathEnvironment: string
  /** DEVBOT_INSTANCE: the driver reaps only its own instance's sandboxes. */
  readonly instance: string
}

/** Programs are the machine's own; the worker's Node stands for them all. */
const ENVIRONMENT_ID = `process-${process.platform}-${process.arch}-node-${process.versions.node}`

/**
 * Sandboxes that are folders and child processes of this machine. There is NO isolation: what runs in one can read and
 * write whatever the worker's user can, reach the network and end any process of that user. For demo, development and
 * tests; see `assertProcessDriverAllowed`.
 *
 * Kept: an environment built from nothing (no secret of the worker is in it), sessions of their own, open files, core
 * files, timeouts, lifetime. Not kept: memory, disk, CPU and process limits, and of a process that leaves its session,
 * scrubs its environment and changes its folder, the end (outside Linux: of any that leaves its session).
 *
 * Workspace and home have another path in each sandbox. A captured setup that wrote its own path down (a Python virtual
 * environment does) works on only until that sandbox is gone; containers have one path for all.
 */
export function createProcessDriver(options: ProcessDriverOptions): SandboxDriver {
  const folder = instanceFolder(resolve(options.rootDirectory), options.instance)
  const scratch = options.scratchDirectory && instanceFolder(resolve(options.scratchDirectory), options.instance)
  return {
    name: 'process',
    async prepare(_signal, images = {}) {
      assertNothingOwn(images)
      return { environmentId: ENVIRONMENT_ID }
    },
    async create(spec, signal) {
      assertWanted(signal)
      assertNothingOwn(spec)
      for (const made of [folder, scratch ?? folder]) await mkdir(made, { recursive: true, mode: 0o700 })
      const id = await newSandboxId()
      const engine = await createProcessEngine({
        id,
        folder: join(folder, id),
        ...(scratch && { scratchFolder: join(scratch, id) }),
        pathEnvironment: options.pathEnvironment,
      })
      const sandbox = await createSandbox(engine, spec.limits.maxMinutes)
      if (signal?.aborted) await sandbox[Symbol.asyncDispose]()
      assertWanted(signal)
      return sandbox
    },
    async reap() {
      if (scratch) await reapDeadSandboxes(scratch)
      return await reapDeadSandboxes(folder)
    },
    count: () => countSandboxes(folder),
  }
}

/** What a repository asks of its sandboxes and gets in containers only. */
function assertNothingOwn({ image, services = [] }: SandboxImages): void {
  const asked = [...(image === undefined ? [] : ['image']), ...(services.length === 0 ? [] : ['services'])]
  if (asked.length === 0) return
  throw new DevBotError({
    category: 'config',
    code: 'process-driver-has-no-images',
    message: `The repository's .devbot.yml asks for ${asked.join(' and ')}, which SANDBOX_DRIVER=process cannot give: its sandboxes are processes of this machine, with the programs it has. Set SANDBOX_DRIVER=docker, or work without.`,
  })
}

function assertWanted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return
  throw new DevBotError({
    category: 'cancelled',
    code: 'sandbox-not-wanted',
    message: 'The sandbox was no longer wanted before it was ready.',
    cause: signal.reason,
  })
}
