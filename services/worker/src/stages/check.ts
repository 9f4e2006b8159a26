import { type CheckResult, DevBotError, type ExecResult, type ObjectId, type Plan } from '@devbot/contracts'
import type { RepositoryStore } from '@devbot/git'
import type { Sandbox } from '@devbot/sandbox'
import type { WorkerDeps } from '../deps.ts'
import type { OwnedTask } from '../own-task.ts'
import { endingReason, sandboxEnding } from '../sandbox-ending.ts'
import type { RunSetup } from '../setup/run-setup.ts'
import { CHECK_TIMEOUT_MS, sandboxSpec } from './sandbox-spec.ts'

/** Output of a check that is kept, head and tail; `checkResultSchema` says so too. */
const MAX_CHECK_OUTPUT_BYTES = 16 * 1024

export type CheckInput = {
  readonly store: RepositoryStore
  readonly treeId: ObjectId
  readonly plan: Pick<Plan, 'setup' | 'workdir'>
  readonly command: string
  readonly runId: string
  readonly signal: AbortSignal
  /** Resolves when sandboxes can be made. */
  readonly ready: () => Promise<unknown>
  readonly setup: RunSetup
  /** Told how setup went, for people. */
  readonly say: (detail: string) => void
}

/**
 * Runs the test command in a fresh check sandbox made from a tree of the store and what setup made of exactly its inputs:
 * nothing the agent did reaches it but that tree. The exit code is the engine's. A sandbox that is ended by what runs in
 * it is a result, too.
 */
export async function runCheck(deps: WorkerDeps, owned: OwnedTask, input: CheckInput): Promise<CheckResult> {
  const { signal } = input
  const startedMs = performance.now()
  try {
    const { command, result } = await runInFreshSandbox(deps, owned, input).catch((error: unknown) => {
      if (!wasLost(error) || signal.aborted) throw error
      deps.log.warn({ taskId: owned.task.id, error }, 'a test run was lost; running it again')
      return runInFreshSandbox(deps, owned, input)
    })
    signal.throwIfAborted()
    return {
      command,
      ...(result.exitCode === undefined ? {} : { exitCode: result.exitCode }),
      timedOut: result.timedOut,
      durationMs: Math.round(result.durationMs),
      output: Buffer.from(result.output).toString('utf8'),
      treeId: input.treeId,
    }
  } catch (error) {
    if (signal.aborted) throw abortError(signal)
    const ending = sandboxEnding(error)
    if (ending === undefined) throw error
    return {
      command: input.command,
      timedOut: false,
      durationMs: Math.round(performance.now() - startedMs),
      output: `The sandbox of this test run was ended: ${endingReason(ending)}`,
      treeId: input.treeId,
    }
  }
}

/** Nobody knows how it ended: the engine or docker-gate was away meanwhile. That is no verdict on the tree. */
function wasLost(error: unknown): boolean {
  return error instanceof DevBotError && error.code === 'process-lost'
}

/** The result of the test command, or of the setup command when that failed. */
async function runInFreshSandbox(
  deps: WorkerDeps,
  owned: OwnedTask,
  { store, treeId, plan, command, runId, signal, ready, setup, say }: CheckInput,
): Promise<{ readonly command: string; readonly result: ExecResult }> {
  const [treeBytes] = await Promise.all([store.treeBytes(treeId), ready()])
  await using kept = await setup.keptFor(treeId, signal)
  const spec = sandboxSpec(deps, owned, { purpose: 'check', runId, treeBytes })
  await using sandbox = await deps.sandboxes.create(spec, signal)
  if (kept !== undefined) say(`setup ${await setup.fromKept(sandbox, kept, treeId)}`)
  await sandbox.importTree(store.exportTree(treeId))
  if (plan.setup !== undefined && kept === undefined) {
    const result = await runCommand(sandbox, plan.setup, plan.workdir, signal)
    say(`setup ran in ${(result.durationMs / 1000).toFixed(1)} s`)
    if (result.exitCode !== 0) return { command: `setup: ${plan.setup}`, result }
  }
  return { command, result: await runCommand(sandbox, command, plan.workdir, signal) }
}

function runCommand(sandbox: Sandbox, command: string, workdir: string | undefined, signal: AbortSignal) {
  return sandbox.run(command, {
    timeoutMs: CHECK_TIMEOUT_MS,
    maxOutputBytes: MAX_CHECK_OUTPUT_BYTES,
    signal,
    ...(workdir === undefined ? {} : { cwd: workdir }),
  })
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
