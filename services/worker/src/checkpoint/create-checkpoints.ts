import type { Checkpoint } from '@devbot/contracts'
import type { Sandbox } from '@devbot/sandbox'
import type { WorkerDeps } from '../deps.ts'
import type { OwnedTask } from '../own-task.ts'
import type { Source } from '../stages/prepare.ts'

/** The checkpoints of one run: after each turn that changed files, its tree is kept outside the sandbox. */
export type Checkpoints = {
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

/** Makes the checkpoints of a run that begins or goes on. */
export function createCheckpoints(
  _deps: Pick<WorkerDeps, 'ledger' | 'secrets' | 'log'>,
  _owned: Pick<OwnedTask, 'ownership'>,
  run: CheckpointedRun,
): Checkpoints {
  return {
    after: () => undefined,
    durable: async () => undefined,
    last: () => run.resumedFrom,
    drop: async () => undefined,
  }
}
