import { setTimeout as delay } from 'node:timers/promises'
import { DevBotError, SANDBOX_PATHS, SANDBOX_USER } from '@devbot/contracts'
import type { SandboxEngine } from '../engine.ts'
import type { NetworkRefusal } from '../sandbox.ts'
import type { ContainerState, DockerClient } from './docker-client.ts'
import { isAbsent, isPassing } from './engine-error.ts'
import { inSandbox } from './enter-sandbox.ts'
import { createExecProcess } from './exec-process.ts'
import { killEverything } from './kill-all.ts'
import type { Pod } from './pod.ts'

export type DockerEngine = SandboxEngine & {
  networkRefusals(): Promise<readonly NetworkRefusal[]>
  /** Why the sandbox can be used no more; undefined while it can, or when the engine cannot be asked. */
  whyEnded(): Promise<DevBotError | undefined>
  /** The same, but throws when the engine cannot be asked. */
  askWhyEnded(): Promise<DevBotError | undefined>
  /** Ends it for this reason: everything in it is killed, and every later call throws the reason. */
  end(reason: DevBotError): Promise<void>
}

type DockerEngineOptions = { readonly client: DockerClient; readonly pod: Pod }

/** A running pod as a place where processes are started: each is an exec as the sandbox user. */
export function createDockerEngine({ client, pod }: DockerEngineOptions): DockerEngine {
  let ended: DevBotError | undefined
  let removing: Promise<void> | undefined

  async function isRunning(): Promise<boolean> {
    return (await client.inspectContainer(pod.sandboxId))?.running ?? false
  }

  async function askWhyEnded(): Promise<DevBotError | undefined> {
    if (ended) return ended
    const state = await client.inspectContainer(pod.sandboxId)
    if (state?.running) return undefined
    ended ??= endReason(state)
    return ended
  }

  async function whyEnded(): Promise<DevBotError | undefined> {
    try {
      return await askWhyEnded()
    } catch {
      return undefined // who asks has an error of its own to tell, of the same engine
    }
  }

  /** Kills of everything so far: what was started before one of them is dead by it. */
  let kills = 0
  let killing: Promise<void> = Promise.resolve()

  async function killEverythingNow(): Promise<void> {
    // An engine that is away says nothing of the sandbox, which may well be used when it is back.
    const reason = await askWhyEnded()
    if (reason) throw reason
    const killed = await killEverything(client, pod.sandboxId).catch(async (error: unknown) => {
      if (isPassing(error)) throw (await whyEnded()) ?? error
      return false
    })
    if (killed) return
    await engine.end((await whyEnded()) ?? notStopped())
    throw ended ?? notStopped()
  }

  /** For one process: a second kill of everything would hit what was started since the first. */
  async function killStartedAfter(killsBefore: number): Promise<void> {
    if (killsBefore < kills) await killing
    else await engine.killAll()
  }

  const engine: DockerEngine = {
    workspace: SANDBOX_PATHS.workspace,
    home: SANDBOX_PATHS.home,
    scratch: SANDBOX_PATHS.scratch,

    async start(argv) {
      if (ended) throw ended
      try {
        const body = { argv: inSandbox(argv), user: SANDBOX_USER }
        const execId = await oncePresent(() => client.createExec(pod.sandboxId, body))
        const stream = await client.startExec(execId)
        // Read only now: a kill that came while it was being started may have missed it.
        const killsBefore = kills
        return createExecProcess({ client, execId, stream, isRunning, kill: () => killStartedAfter(killsBefore) })
      } catch (error) {
        throw (await whyEnded()) ?? error
      }
    },

    killAll() {
      kills += 1
      killing = killEverythingNow()
      return killing
    },

    async remove() {
      // Afterwards nobody can tell any more why it had ended.
      if (!removing) await whyEnded()
      // A removal that failed is tried anew when somebody asks again.
      removing ??= pod.remove().catch((error: unknown) => {
        removing = undefined
        throw error
      })
      ended ??= gone('it was removed.')
      await removing
    },

    networkRefusals: async () => (await pod.egress?.refusals()) ?? [],
    whyEnded,
    askWhyEnded,

    async end(reason) {
      ended ??= reason
      await client.removeContainer(pod.sandboxId)
    },
  }
  return engine
}

/** docker-gate is there again two seconds after it was restarted, an engine after some more. */
const ABSENT = { patienceMs: 20_000, lookEveryMs: 500 }

/** A run that has cost much does not end because docker-gate is restarted in the middle of it. */
async function oncePresent<T>(ask: () => Promise<T>): Promise<T> {
  for (const until = performance.now() + ABSENT.patienceMs; ; ) {
    try {
      return await ask()
    } catch (error) {
      if (!isAbsent(error) || performance.now() > until) throw error
      await delay(ABSENT.lookEveryMs)
    }
  }
}

/** 128 + SIGKILL, which is what the kernel sends where memory is short. */
const KILLED_EXIT_CODE = 137

/** Why a sandbox has ended by what the engine says of its container; undefined: there is none any more. */
export function endReason(state: ContainerState | undefined): DevBotError {
  // The keeper only sleeps, for as long as the sandbox may live.
  if (state?.exitCode === 0) {
    return new DevBotError({
      category: 'sandbox',
      code: 'sandbox-lifetime-over',
      message: 'The sandbox reached the end of its lifetime; everything in it was stopped.',
    })
  }
  // The engine sets this also when something else in the sandbox was killed, and it went on.
  if (state?.outOfMemory && state.exitCode === KILLED_EXIT_CODE) {
    return new DevBotError({
      category: 'sandbox',
      code: 'sandbox-out-of-memory',
      message: 'The sandbox used more memory than SANDBOX_MEMORY gives it, and the kernel ended it.',
    })
  }
  if (state === undefined) return gone('its container was removed from outside.')
  return gone(`its container ended with ${state.exitCode}; was the engine restarted?`, { exitCode: state.exitCode })
}

function gone(what: string, details?: { readonly exitCode: number }): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'sandbox-gone',
    message: `The sandbox cannot be used: ${what}`,
    ...(details && { details }),
  })
}

function notStopped(): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'sandbox-not-stopped',
    message: 'Processes of the sandbox did not end when they were killed; its container was removed.',
  })
}
