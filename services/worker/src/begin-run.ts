import { randomUUID } from 'node:crypto'
import {
  type Checkpoint,
  DevBotError,
  type ErrorCode,
  type RunKind,
  type RunOutcome,
  type RunRecord,
} from '@devbot/contracts'
import type { TurnEntry } from '@devbot/queue'
import type { WorkerDeps } from './deps.ts'
import type { OwnedTask } from './own-task.ts'
import { type RunOnRecord, recordedRun } from './recorded-run.ts'

export type RunStartDeps = Pick<WorkerDeps, 'ledger' | 'now' | 'settings' | 'log'>
export type RunStart = { readonly kind: RunKind; readonly model: string; readonly round?: number }

/** How a run begins, or goes on. */
export type Beginning = {
  readonly run: RunRecord
  /** What the attempt that was cut off recorded. */
  readonly before: RunOnRecord | undefined
  /** The work to go on with. */
  readonly checkpoint: Checkpoint | undefined
  readonly isResumed: boolean
}

/**
 * The task's newest run, when it is the same work, came to no ending of its own, and its turns can be gone through again. A
 * run that an error ended for good is not gone on with, but its work is: the new run starts from there. Throws `transient`
 * when the ledger does not answer, `conflict`, `ownership-lost`, when somebody else owns the task.
 */
export async function beginRun(
  deps: RunStartDeps,
  owned: OwnedTask,
  start: RunStart,
  nowMs: number,
): Promise<Beginning> {
  const { ledger } = deps
  const { kind, model, round } = start
  const anew = { run: newRun(owned, start, nowMs), before: undefined, checkpoint: undefined, isResumed: false }
  const last = (await ledger.details(owned.task.id))?.runs.at(-1)
  if (last?.kind !== kind || last.round !== round) return anew
  const checkpoint = await ledger.checkpoint(last.id)
  const times = last.resumed?.turn === last.turns ? last.resumed.times + 1 : 1
  if ((last.modelAsked ?? last.model) === model && goesOn(last.outcome) && times <= MAX_RESUMED_AT_TURN) {
    const { outcome: _stopped, endedAtMs: _stoppedAt, ...run } = last
    const resumed = { ...run, resumed: { turn: last.turns, times } }
    const turns = await turnsOf(deps, last.id)
    const before = recordedRun(turns ?? [])
    if (before !== undefined && before.start.protocol === deps.settings.protocol) {
      return { run: resumed, before, checkpoint, isResumed: true }
    }
    // Nothing was asked yet, so it may as well begin with the newest base.
    const { startCommitId: _older, ...fresh } = resumed
    if (turns?.length === 0) return { run: fresh, before, checkpoint: undefined, isResumed: true }
  }
  const { startCommitId, baseBranch } = last
  const isSamePlan = last.planHash === owned.task.planHash
  if (!isInheritable(last.outcome) || !isSamePlan || checkpoint === undefined || startCommitId === undefined)
    return anew
  const inherited = { ...checkpoint, runId: anew.run.id, turn: 0 }
  await ledger.saveCheckpoint(owned.ownership, inherited)
  return {
    ...anew,
    run: { ...anew.run, startCommitId, ...(baseBranch === undefined ? {} : { baseBranch }) },
    checkpoint: inherited,
  }
}

/**
 * More would be a circle: whatever ends the worker there ends it again, and no turn is counted meanwhile. As often as a
 * sandbox may be lost in a row.
 */
const MAX_RESUMED_AT_TURN = 5

/** Undefined where some of it is lost; what the run had changed may still be there. */
async function turnsOf({ ledger, log }: RunStartDeps, runId: string): Promise<readonly TurnEntry[] | undefined> {
  try {
    return await ledger.turns(runId)
  } catch (error) {
    const isLost = error instanceof DevBotError && LOST_TURNS.includes(error.code)
    if (!isLost) throw error
    log.warn({ error, runId }, 'the turns of a run that was cut off cannot be read; it begins anew')
    return undefined
  }
}

const LOST_TURNS: readonly ErrorCode[] = ['turn-body-missing', 'turn-body-corrupt', 'ledger-corrupt']
/** What a person mends in the repository: a run that went on from the old base would never see it. */
const MENDED_IN_REPOSITORY: readonly string[] = [
  'service-ended',
  'service-not-ready',
  'service-not-started',
  'service-port-taken',
  'setup-failed',
  'image-not-allowed',
  'image-has-volumes',
  'egress-entry-invalid',
  'sandbox-tool-missing',
]

/** A person's mending, or time, may be all that is missing; what the plan or DevBot itself made impossible starts anew. */
function goesOn(outcome: RunOutcome | undefined): boolean {
  if (outcome === undefined || outcome.kind === 'cancelled') return true
  if (outcome.kind !== 'failed' || MENDED_IN_REPOSITORY.includes(outcome.code)) return false
  return ['transient', 'sandbox', 'permission', 'config'].includes(outcome.category)
}

/** A conflict means that the run cannot start from there any more; what ended by itself was published, or not wanted. */
function isInheritable(outcome: RunOutcome | undefined): boolean {
  if (outcome?.kind !== 'failed') return goesOn(outcome)
  return outcome.category !== 'conflict' && !MENDED_IN_REPOSITORY.includes(outcome.code)
}

function newRun(owned: OwnedTask, start: RunStart, startedAtMs: number): RunRecord {
  return {
    version: 1,
    id: `r${startedAtMs.toString(36)}${randomUUID().slice(0, 8)}`,
    kind: start.kind,
    ...(start.round === undefined ? {} : { round: start.round }),
    planHash: owned.task.planHash,
    model: start.model,
    modelAsked: start.model,
    startedAtMs,
    turns: 0,
    costMicroUsd: 0,
    tokens: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
    refusedPaths: [],
    notes: [],
    changes: [],
  }
}
