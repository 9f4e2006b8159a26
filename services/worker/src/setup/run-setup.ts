import { DevBotError, type ExecResult, type ObjectId, type Plan, type RunKind } from '@devbot/contracts'
import type { Sandbox } from '@devbot/sandbox'
import type { WorkerDeps } from '../deps.ts'
import { once } from '../once.ts'
import type { OwnedTask } from '../own-task.ts'
import type { RunLog } from '../run-log.ts'
import type { Source } from '../stages/prepare.ts'
import type { CachedSetup, SetupCache } from './setup-cache.ts'
import { setupInputsFor } from './setup-inputs.ts'
import { setupKey } from './setup-key.ts'
import { abortable } from './take-turns.ts'

/** Longest a setup command may take, and what of its output is told when it fails. */
const SETUP_TIMEOUT_MS = 20 * 60_000
const MAX_SETUP_OUTPUT_BYTES = 16 * 1024

/** The setup of one run: once in its agent sandbox, and what that made in its check sandboxes wherever it is right there. */
export type RunSetup = {
  /** After `importTree`, before the agent: from the cache, or by running the command and keeping what it made. Throws `invalid-input`, `setup-failed`. */
  readonly inAgentSandbox: (sandbox: Sandbox, signal: AbortSignal) => Promise<void>
  /** The agent sandbox has its setup, or will never get it; nobody waits for it any longer. */
  readonly agentSettled: () => void
  /**
   * What a check sandbox of this tree may be given instead of running setup; undefined: it has to run. A tree that needs the
   * agent sandbox's own setup waits for that.
   */
  readonly keptFor: (treeId: ObjectId, signal: AbortSignal) => Promise<CachedSetup | undefined>
  /** Before `importTree`, so that the tree's files win. */
  readonly fromKept: (sandbox: Sandbox, kept: CachedSetup, treeId: ObjectId) => Promise<string>
}

type Input = {
  readonly kind: RunKind
  readonly plan: Pick<Plan, 'setup' | 'workdir'>
  readonly source: () => Promise<Source>
  readonly environmentId: () => Promise<string>
}

/**
 * Only agent sandboxes fill the cache: setup runs there on the tree that people (or an earlier, recorded run) made, before
 * the agent's first call. What a check sandbox runs on a tree of this very run is never kept.
 */
export function createRunSetup(
  deps: Pick<WorkerDeps, 'setupCache' | 'log'>,
  owned: OwnedTask,
  log: RunLog,
  input: Input,
): RunSetup {
  const { setup: command, workdir } = input.plan
  const cache = command === undefined ? undefined : deps.setupCache
  const agentSettled = Promise.withResolvers<void>()
  const keys = new Map<ObjectId, () => Promise<string>>()

  const keyOf = (treeId: ObjectId): Promise<string> => {
    const key = keys.get(treeId) ?? once(() => makeKey(owned, input, treeId))
    keys.set(treeId, key)
    return key()
  }

  const agentKey = async () => (cache === undefined ? undefined : keyOf((await input.source()).startTreeId))

  return {
    agentSettled: agentSettled.resolve,
    inAgentSandbox: async (sandbox, signal) => {
      if (command === undefined) return sandbox.markSetupDone()
      await log.stage('setup', async (say) => {
        const told = await agentSetup({ cache, key: await agentKey(), sandbox, signal, deps, run: runCommand })
        say(told)
        note(log, `setup: ${told}`)
      })
    },
    keptFor: async (treeId, signal) => {
      if (cache === undefined) return undefined
      const key = await keyOf(treeId)
      if (key === (await agentKey())) await abortable(agentSettled.promise, signal)
      return cache.open(key)
    },
    fromKept: async (sandbox, kept, treeId) => importKept(cache, await keyOf(treeId), sandbox, kept),
  }

  async function runCommand(sandbox: Sandbox, signal: AbortSignal): Promise<void> {
    const result = await sandbox.run(command ?? '', {
      ...(workdir === undefined ? {} : { cwd: workdir }),
      timeoutMs: SETUP_TIMEOUT_MS,
      maxOutputBytes: MAX_SETUP_OUTPUT_BYTES,
      signal,
    })
    signal.throwIfAborted()
    if (result.exitCode !== 0) throw setupFailed(result)
  }
}

async function makeKey(owned: OwnedTask, input: Input, treeId: ObjectId): Promise<string> {
  const [{ facts, store, baseBranch }, environmentId] = await Promise.all([input.source(), input.environmentId()])
  const { setup: command = '', workdir } = input.plan
  return setupKey({
    environmentId,
    repositoryId: facts.id,
    scope:
      input.kind === 'implement' ? { kind: 'base', branch: baseBranch } : { kind: 'task', branch: owned.task.branch },
    command,
    workdir,
    inputs: await setupInputsFor(store, treeId, { command, workdir }),
  })
}

type AgentSetup = {
  readonly cache: SetupCache | undefined
  readonly key: string | undefined
  readonly sandbox: Sandbox
  readonly signal: AbortSignal
  readonly deps: Pick<WorkerDeps, 'log'>
  readonly run: (sandbox: Sandbox, signal: AbortSignal) => Promise<void>
}

/** Returns how setup went, for people. */
async function agentSetup(input: AgentSetup): Promise<string> {
  const { cache, key, signal } = input
  if (cache === undefined || key === undefined) return runSetup(input)
  const known = await fromCache(input, cache, key)
  if (known !== undefined) return known
  return cache.alone(
    key,
    signal,
    // Another run may have made it while this one waited.
    async () => (await fromCache(input, cache, key)) ?? `${await runSetup(input)}, ${await keep(input, cache, key)}`,
  )
}

async function fromCache({ sandbox }: AgentSetup, cache: SetupCache, key: string): Promise<string | undefined> {
  await using kept = await cache.open(key)
  if (kept === undefined) return undefined
  const told = await importKept(cache, key, sandbox, kept)
  await sandbox.markSetupDone()
  return told
}

async function runSetup({ sandbox, signal, run }: AgentSetup): Promise<string> {
  const startedMs = performance.now()
  await run(sandbox, signal)
  const told = `ran in ${inSeconds(performance.now() - startedMs)}`
  await sandbox.markSetupDone()
  return told
}

/** That the cache could not be filled costs the next sandboxes time and this run nothing. */
async function keep({ sandbox, signal, deps }: AgentSetup, cache: SetupCache, key: string): Promise<string> {
  try {
    const { bytes } = await cache.store(key, (sink) => sandbox.exportSetup(sink, { maxBytes: cache.maxEntryBytes }))
    return `captured ${inMegabytes(bytes)}`
  } catch (error) {
    signal.throwIfAborted()
    deps.log.warn({ error }, 'what setup made could not be kept')
    return `not captured, so it runs anew in every sandbox: ${whyNotKept(error, cache)}`
  }
}

function whyNotKept(error: unknown, { maxEntryBytes }: SetupCache): string {
  if (!(error instanceof DevBotError)) return "the worker could not write it; the worker's log says why"
  if (error.code !== 'setup-too-large') return error.message
  return `it is more than ${inMegabytes(maxEntryBytes)}, a quarter of SETUP_CACHE_SIZE`
}

async function importKept(
  cache: SetupCache | undefined,
  key: string,
  sandbox: Sandbox,
  kept: CachedSetup,
): Promise<string> {
  const startedMs = performance.now()
  try {
    await sandbox.importSetup(kept.read())
  } catch (error) {
    // The sandbox is of no use now; the next one is not to fail of the same entry.
    await cache?.forget(key)
    throw error
  }
  return `from cache in ${inSeconds(performance.now() - startedMs)} (${inMegabytes(kept.bytes)})`
}

function setupFailed(result: ExecResult): DevBotError {
  return new DevBotError({
    category: 'invalid-input',
    code: 'setup-failed',
    message: `the setup command failed (${result.timedOut ? 'out of time' : `exit code ${result.exitCode ?? 'unknown'}`}); mend it in the plan or the repository:\n${Buffer.from(result.output).toString('utf8').slice(-4000)}`,
  })
}

function note(log: RunLog, text: string): void {
  log.change({ notes: [...log.run.notes, text] })
}

function inSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function inMegabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(bytes < 10_000_000 ? 1 : 0)} MB`
}
