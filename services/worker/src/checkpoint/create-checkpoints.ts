import { setTimeout as delay } from 'node:timers/promises'
import { type Checkpoint, DevBotError } from '@devbot/contracts'
import type { Sandbox } from '@devbot/sandbox'
import type { WorkerDeps } from '../deps.ts'
import { once } from '../once.ts'
import type { OwnedTask } from '../own-task.ts'
import type { Source } from '../stages/prepare.ts'
import { createWorkSelection } from '../stages/select-work.ts'
import { checkpointOf, type TakenTree, takeTree } from './take-checkpoint.ts'

/** Longest that the removal of a sandbox waits for a checkpoint under way; a sandbox can hold up the listing of its files. */
const LAST_CHECKPOINT_MS = 5_000

/**
 * The checkpoints of one run: after each turn that changed files, its tree is kept outside the sandbox. To be disposed of
 * before the sandbox is: one that is under way then has a few seconds to come to its end.
 */
export type Checkpoints = AsyncDisposable & {
  /** Begins to take the checkpoint of a turn, beside whatever goes on. One at a time; of several that wait, the newest. */
  readonly after: (turn: number) => void
  /**
   * Resolves when the checkpoint of the last `after` is durable, or was skipped (a warning says why; `last().turn` is then
   * older than that turn). Throws when ownership was lost, and when the ledger does not answer: then nothing is durable.
   */
  readonly durable: () => Promise<void>
  /** The newest that is durable; at first the one the run was resumed from. */
  readonly last: () => Checkpoint | undefined
  /** The run has ended: its tree need not be kept in the store any longer. Never throws. */
  readonly drop: () => Promise<void>
}

export type CheckpointedRun = {
  readonly runId: string
  readonly source: () => Promise<Source>
  readonly sandbox: () => Promise<Sandbox>
  readonly signal: AbortSignal
  /** What the run was resumed from. */
  readonly resumedFrom?: Checkpoint | undefined
}

/** Tens of megabytes on a busy machine take some seconds. */
const MOST_MS = 60_000

type CheckpointDeps = {
  readonly ledger: Pick<WorkerDeps['ledger'], 'saveCheckpoint' | 'renewCheckpoint'>
  readonly secrets: WorkerDeps['secrets']
  readonly log: Pick<WorkerDeps['log'], 'warn'>
}

/** Makes the checkpoints of a run that begins or goes on. */
export function createCheckpoints(
  deps: CheckpointDeps,
  owned: Pick<OwnedTask, 'ownership'>,
  run: CheckpointedRun,
): Checkpoints {
  const { runId } = run
  const warn = warnOnce(deps.log, runId)
  const selection = once(async () => createWorkSelection(await run.source()))
  let last = run.resumedFrom
  let tree: TakenTree | undefined
  let wanted: number | undefined
  let taking: Promise<void> = Promise.resolve()
  let isTaking = false
  let isInSandbox = false

  /** Undefined, with a warning, where there is no work to be had or it may not be kept. */
  async function takenTree(): Promise<TakenTree | undefined> {
    try {
      const sandbox = await run.sandbox()
      isInSandbox = true
      const work = { runId, sandbox, selection: await selection() }
      return await inTime(takeTree(deps, await run.source(), work, tree))
    } catch (error) {
      warn(error)
      return undefined
    }
  }

  async function take(turn: number): Promise<void> {
    if (isOwnershipLost(run.signal)) throw run.signal.reason
    const taken = await takenTree()
    if (taken === undefined) return
    if (taken.treeId === last?.treeId) {
      await deps.ledger.renewCheckpoint(owned.ownership, { runId, turn })
      last = { ...last, turn }
    } else {
      const { startTreeId } = await run.source()
      const checkpoint = await checkpointOf(taken, { runId, turn, startTreeId })
      await deps.ledger.saveCheckpoint(owned.ownership, checkpoint)
      last = checkpoint
    }
    // Its bytes are kept nowhere but in the store.
    tree = { ...taken, changes: [] }
  }

  async function takeAll(): Promise<void> {
    isTaking = true
    try {
      while (wanted !== undefined) {
        const turn = wanted
        wanted = undefined
        await take(turn)
      }
    } finally {
      isTaking = false
      isInSandbox = false
    }
  }

  return {
    after: (turn) => {
      wanted = turn
      if (isTaking) return
      taking = takeAll()
      // Who waits for it gets the error.
      taking.catch(() => undefined)
    },
    durable: () => taking,
    last: () => last,
    drop: async () => {
      // What became of it was told to who waited.
      await taking.catch(() => undefined)
      try {
        await (await run.source()).store.letTreeGo(runId)
      } catch (error) {
        deps.log.warn({ error, runId }, 'the tree of an ended run stays in the store, where it only takes some room')
      }
    },
    [Symbol.asyncDispose]: async () => {
      // What became of it was told to who waited. A sandbox that is still being made is not waited for.
      if (isInSandbox)
        await Promise.race([taking.catch(() => undefined), delay(LAST_CHECKPOINT_MS, undefined, UNREFED)])
    },
  }
}

const UNREFED = { ref: false }

/** The next reply waits for it: what something in the sandbox holds up for longer is given up, and skipped. */
async function inTime<T>(work: Promise<T>): Promise<T> {
  const over = Promise.withResolvers<never>()
  const timer = setTimeout(() => over.reject(tooSlow()), MOST_MS)
  try {
    return await Promise.race([work, over.promise])
  } finally {
    clearTimeout(timer)
  }
}

function tooSlow(): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'sandbox-transfer-failed',
    message: `the work did not come out of the sandbox within ${MOST_MS / 1000} s`,
  })
}

function isOwnershipLost({ aborted, reason }: AbortSignal): boolean {
  return aborted && reason instanceof DevBotError && reason.code === 'ownership-lost'
}

/** A change that is too large stays so turn after turn. */
function warnOnce(log: CheckpointDeps['log'], runId: string): (error: unknown) => void {
  const told = new Set<string>()
  return (error) => {
    const code = error instanceof DevBotError ? error.code : 'bug'
    if (told.has(code)) return
    told.add(code)
    log.warn({ error, runId }, 'no checkpoint was taken: should the run be cut off, it goes on from an older one')
  }
}
