import { addAbortSignal } from 'node:stream'
import type { ObjectId } from '@devbot/contracts'
import { initThrowawayRepository, type Sandbox } from '@devbot/sandbox'
import { overlayTree } from './checkpoint/restore-checkpoint.ts'
import type { WorkerDeps } from './deps.ts'
import { type OwnedTask, stopReason } from './own-task.ts'
import type { RunLog } from './run-log.ts'
import type { CheckInput } from './stages/check.ts'
import { sandboxSpec } from './stages/sandbox-spec.ts'
import type { Work } from './work-with-agent.ts'

type WorkspaceInput = Pick<Work, 'source'> &
  Pick<CheckInput, 'ready' | 'setup'> & {
    /** The tree of the work so far, in the store, when the run goes on. */
    readonly resumeFrom?: ObjectId | undefined
  }

export type OpeningWorkspace = AsyncDisposable & {
  /** The sandbox once tree and setup are in it; throws what went wrong with that. */
  readonly sandbox: () => Promise<Sandbox>
  /** Resolves as soon as the sandbox is made, its side services ready, and nothing brought in; throws why it was not. */
  readonly made: () => Promise<unknown>
}

/** Starts to make the agent sandbox at once and hands it out when it is ready. Disposing waits for it and removes it. */
export function openWorkspace(deps: WorkerDeps, owned: OwnedTask, log: RunLog, work: WorkspaceInput): OpeningWorkspace {
  let made: Sandbox | undefined
  const stop = new AbortController()
  const signal = AbortSignal.any([owned.signal, stop.signal])
  const making = (async () => {
    const [{ store, startTreeId }] = await Promise.all([work.source(), work.ready()])
    const treeBytes = await store.treeBytes(startTreeId)
    const spec = sandboxSpec(deps, owned, { purpose: 'agent', runId: log.run.id, treeBytes })
    made = await deps.sandboxes.create(spec, signal)
    return { sandbox: made, tree: store.exportTree(startTreeId) }
  })()
  const opening = (async () => {
    const { sandbox, tree } = await making
    await sandbox.importTree(addAbortSignal(signal, tree))
    // Before setup: what that installs would make a first commit of hundreds of megabytes.
    await initThrowawayRepository(sandbox, { signal })
    await work.setup.inAgentSandbox(sandbox, signal)
    if (work.resumeFrom !== undefined) await overlayTree(sandbox, await work.source(), work.resumeFrom)
    return sandbox
  })()
  // Whoever needs the sandbox gets the error; nobody may ask for it in a run that ends early.
  opening.catch(() => undefined).finally(work.setup.agentSettled)
  return {
    sandbox: () => opening,
    made: () => making,
    [Symbol.asyncDispose]: async () => {
      stop.abort(stopReason('task-may-have-ended', 'the run has ended'))
      await opening.catch(() => undefined)
      await made?.[Symbol.asyncDispose]()
    },
  }
}
