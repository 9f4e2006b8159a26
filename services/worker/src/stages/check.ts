import { type CheckResult, DevBotError, type ObjectId, type Plan } from '@devbot/contracts'
import type { RepositoryStore } from '@devbot/git'
import type { Sandbox, SandboxSpec } from '@devbot/sandbox'
import type { WorkerDeps } from '../deps.ts'
import type { OwnedTask } from '../own-task.ts'

/** Longest a setup or test command may take in a check sandbox. */
const CHECK_TIMEOUT_MS = 20 * 60_000
/** Output of a check that is kept, head and tail; `checkResultSchema` says so too. */
const MAX_CHECK_OUTPUT_BYTES = 16 * 1024

export type CheckInput = {
  readonly store: RepositoryStore
  readonly treeId: ObjectId
  readonly plan: Pick<Plan, 'setup' | 'workdir'>
  readonly command: string
  readonly runId: string
  readonly signal: AbortSignal
}

/**
 * Runs the test command in a fresh check sandbox made from a tree of the store: nothing the agent did reaches it but
 * that tree. The exit code is the engine's.
 */
export async function runCheck(deps: WorkerDeps, owned: OwnedTask, input: CheckInput): Promise<CheckResult> {
  const { store, treeId, plan, command, signal } = input
  await using sandbox = await deps.sandboxes.create(sandboxSpec(deps, owned, 'check', input.runId), signal)
  await sandbox.importTree(store.exportTree(treeId))
  const setup = plan.setup === undefined ? undefined : await runCommand(sandbox, plan.setup, plan.workdir, signal)
  const failedSetup = setup !== undefined && setup.exitCode !== 0
  const result = failedSetup ? setup : await runCommand(sandbox, command, plan.workdir, signal)
  if (signal.aborted) throw abortError(signal)
  return {
    command: failedSetup ? `setup: ${plan.setup ?? ''}` : command,
    ...(result.exitCode === undefined ? {} : { exitCode: result.exitCode }),
    timedOut: result.timedOut,
    durationMs: Math.round(result.durationMs),
    output: Buffer.from(result.output).toString('utf8'),
    treeId,
  }
}

function runCommand(sandbox: Sandbox, command: string, workdir: string | undefined, signal: AbortSignal) {
  return sandbox.run(command, {
    timeoutMs: CHECK_TIMEOUT_MS,
    maxOutputBytes: MAX_CHECK_OUTPUT_BYTES,
    signal,
    ...(workdir === undefined ? {} : { cwd: workdir }),
  })
}

/** Ceilings of one sandbox; the Docker driver makes the engine keep them. Defaults of DESIGN.md section 10. */
export function sandboxSpec(
  deps: Pick<WorkerDeps, 'settings'>,
  owned: OwnedTask,
  purpose: 'agent' | 'check',
  runId: string,
): SandboxSpec {
  return {
    purpose,
    instance: deps.settings.instance,
    taskId: owned.task.id,
    runId,
    epoch: owned.ownership.epoch,
    limits: {
      memoryBytes: 2 * 1024 ** 3,
      diskBytes: 2 * 1024 ** 3,
      cpus: 2,
      processes: 512,
      maxMinutes: sandboxMinutes(deps.settings.maxMinutes, purpose),
    },
  }
}

/** A sandbox outlives what is done in it by a margin: the run's own deadline ends the run, with its work brought out. */
function sandboxMinutes(runMinutes: number, purpose: 'agent' | 'check'): number {
  const checkMinutes = (2 * CHECK_TIMEOUT_MS) / 60_000
  return purpose === 'check' ? checkMinutes + 5 : runMinutes + checkMinutes + 15
}

/** Why a signal was aborted, as the error it carries. */
export function abortError(signal: AbortSignal): DevBotError {
  if (signal.reason instanceof DevBotError) return signal.reason
  return new DevBotError({
    category: 'cancelled',
    code: 'stopped',
    message: 'the run was stopped',
    cause: signal.reason,
  })
}
