import { addAbortSignal } from 'node:stream'
import {
  type CheckResult,
  type CommandEnd,
  checkResultSchema,
  DevBotError,
  type ExecResult,
  type ObjectId,
  type Plan,
} from '@devbot/contracts'
import type { RepositoryStore } from '@devbot/git'
import type { Sandbox } from '@devbot/sandbox'
import type { TestInventory } from '@devbot/test-results'
import type { WorkerDeps } from '../deps.ts'
import type { OwnedTask } from '../own-task.ts'
import { endingReason, isServiceFailure, sandboxEnding } from '../sandbox-ending.ts'
import type { RunSetup } from '../setup/run-setup.ts'
import { headAndTail } from '../verification/head-and-tail.ts'
import { takeInventory } from '../verification/take-inventory.ts'
import { CHECK_TIMEOUT_MS, sandboxSpec } from './sandbox-spec.ts'

/** Output that is read to find out about single tests: some 40,000 lines, head and tail. */
const MAX_READ_OUTPUT_BYTES = 4 * 1024 ** 2
/** Output that is kept, head and tail; `checkResultSchema` says so too. */
const MAX_KEPT_OUTPUT_BYTES = 16 * 1024
/** For what runs beside the tests, so that many of it end before the sandbox does. */
const COMMAND_TIMEOUT_MS = 5 * 60_000

export type CheckCommand = { readonly kind: 'tests' | 'command'; readonly line: string }

export type CheckInput = {
  readonly store: RepositoryStore
  readonly treeId: ObjectId
  readonly plan: Pick<Plan, 'setup' | 'workdir'>
  /** Run one after the other, whatever the ones before gave. */
  readonly commands: readonly CheckCommand[]
  readonly runId: string
  readonly signal: AbortSignal
  /** Resolves when sandboxes can be made. */
  readonly ready: () => Promise<unknown>
  readonly setup: RunSetup
  /** Told how setup went, for people. */
  readonly say: (detail: string) => void
}

export type CommandRun = {
  readonly check: CheckResult
  /** Of a test command whose runner was recognised. */
  readonly inventory?: TestInventory
}

/**
 * Runs commands in a fresh check sandbox made from a tree of the store and what setup made of exactly its inputs: nothing
 * the agent did reaches it but that tree. Exit codes are the engine's. A setup that fails, and a sandbox that is ended by
 * what runs in it, are results, too, of every command that did not come to run. One result per command.
 */
export async function runInCheckSandbox(
  deps: WorkerDeps,
  owned: OwnedTask,
  input: CheckInput,
): Promise<readonly CommandRun[]> {
  const { signal } = input
  try {
    return await runAll(deps, owned, input).catch((error: unknown) => {
      if (!wasLost(error) || signal.aborted) throw error
      deps.log.warn({ taskId: owned.task.id, error }, 'a test run was lost; running it again')
      return runAll(deps, owned, input)
    })
  } catch (error) {
    throw signal.aborted ? abortError(signal) : error
  }
}

/** Nobody knows how it ended: the engine or docker-gate was away meanwhile. That is no verdict on the tree. */
function wasLost(error: unknown): boolean {
  return error instanceof DevBotError && error.code === 'process-lost'
}

async function runAll(deps: WorkerDeps, owned: OwnedTask, input: CheckInput): Promise<readonly CommandRun[]> {
  const { treeId, commands, signal } = input
  const runs: CommandRun[] = []
  let startedMs = performance.now()
  const others = (check: CheckResult) => commands.slice(runs.length).map(() => ({ check }))
  try {
    await using prepared = await prepareSandbox(deps, owned, input)
    if (prepared.setupFailed !== undefined) return others(prepared.setupFailed)
    for (const command of commands) {
      startedMs = performance.now()
      runs.push(await runOne(prepared.sandbox, command, input))
      signal.throwIfAborted()
    }
    return runs
  } catch (error) {
    const output = signal.aborted ? undefined : outputFor(error)
    if (output === undefined) throw error
    const end = { timedOut: false, durationMs: Math.round(performance.now() - startedMs) }
    return [
      ...runs,
      ...commands.slice(runs.length).map(({ line }) => ({ check: { command: line, ...end, output, treeId } })),
    ]
  }
}

/** What is told in place of output, when nothing could run for a reason that is a result. */
function outputFor(error: unknown): string | undefined {
  const ending = sandboxEnding(error)
  if (ending !== undefined) return `The sandbox of this test run was ended: ${endingReason(ending)}`
  return error instanceof DevBotError && isServiceFailure(error) ? `Nothing was run: ${error.message}` : undefined
}

async function prepareSandbox(
  deps: WorkerDeps,
  owned: OwnedTask,
  { store, treeId, plan, runId, signal, ready, setup, say }: CheckInput,
): Promise<AsyncDisposable & { readonly sandbox: Sandbox; readonly setupFailed?: CheckResult }> {
  const [treeBytes] = await Promise.all([store.treeBytes(treeId), ready()])
  await using kept = await setup.keptFor(treeId, signal)
  const spec = sandboxSpec(deps, owned, { purpose: 'check', runId, treeBytes })
  await using made = new AsyncDisposableStack()
  const create = () => deps.sandboxes.create(spec, signal)
  const sandbox = made.use(
    await create().catch((error: unknown) => {
      // Once more: on a busy machine a service may have been slow.
      if (!isServiceFailure(error)) throw error
      return create()
    }),
  )
  if (kept !== undefined) say(`setup ${await setup.fromKept(sandbox, kept, treeId)}`)
  await sandbox.importTree(addAbortSignal(signal, store.exportTree(treeId)))
  const result =
    plan.setup === undefined || kept !== undefined
      ? undefined
      : await runCommand(sandbox, plan.setup, { plan, signal }, CHECK_TIMEOUT_MS, MAX_KEPT_OUTPUT_BYTES)
  signal.throwIfAborted()
  if (result !== undefined) say(`setup ran in ${(result.durationMs / 1000).toFixed(1)} s`)
  const failed =
    result !== undefined && result.exitCode !== 0 ? checkOf(`setup: ${plan.setup}`, result, treeId) : undefined
  const owner = made.move()
  return {
    sandbox,
    ...(failed === undefined ? {} : { setupFailed: failed }),
    [Symbol.asyncDispose]: () => owner.disposeAsync(),
  }
}

async function runOne(sandbox: Sandbox, { kind, line }: CheckCommand, input: CheckInput): Promise<CommandRun> {
  if (kind === 'command') {
    const result = await runCommand(sandbox, line, input, COMMAND_TIMEOUT_MS, MAX_KEPT_OUTPUT_BYTES)
    return { check: checkOf(line, result, input.treeId) }
  }
  const result = await runCommand(sandbox, line, input, CHECK_TIMEOUT_MS, MAX_READ_OUTPUT_BYTES)
  const inventory = input.signal.aborted ? undefined : await takeInventory(sandbox, result, input)
  return { check: checkOf(line, result, input.treeId), ...(inventory === undefined ? {} : { inventory }) }
}

function checkOf(command: string, result: ExecResult, treeId: string): CheckResult {
  const output = headAndTail(result.output, result.totalOutputBytes, MAX_KEPT_OUTPUT_BYTES)
  return checkResultSchema.parse({ command, ...endOf(result), output, treeId })
}

function endOf({ exitCode, timedOut, durationMs }: ExecResult): CommandEnd {
  return { ...(exitCode === undefined ? {} : { exitCode }), timedOut, durationMs: Math.round(durationMs) }
}

function runCommand(
  sandbox: Sandbox,
  command: string,
  { plan, signal }: Pick<CheckInput, 'plan' | 'signal'>,
  timeoutMs: number,
  maxOutputBytes: number,
): Promise<ExecResult> {
  const cwd = plan.workdir === undefined ? {} : { cwd: plan.workdir }
  return sandbox.run(command, { timeoutMs, maxOutputBytes, signal, ...cwd })
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
