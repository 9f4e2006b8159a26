import type { Checkpoint, CheckResult, RunOutcome, RunRecord, Stage, TaskProgress } from '@devbot/contracts'
import { categoryOf, checkPassed, DevBotError, firstError, STAGES } from '@devbot/contracts'
import { type Beginning, beginRun, type RunStart, type RunStartDeps } from './begin-run.ts'
import type { WorkerDeps } from './deps.ts'
import type { OwnedTask } from './own-task.ts'
import type { RunOnRecord } from './recorded-run.ts'

/**
 * The record of a run while it is under way: kept in the ledger after every turn and at every stage, so that a crash
 * leaves what is known, and shown as progress.
 */
export type RunLog = {
  readonly run: RunRecord
  /** Present when an attempt at the run was cut off before: what it recorded. */
  readonly before: RunOnRecord | undefined
  /** The work to go on with: of the attempt that was cut off, or of a run that an error ended. */
  readonly checkpoint: Checkpoint | undefined
  readonly change: (part: Partial<RunRecord>) => void
  readonly save: () => Promise<void>
  /**
   * Runs a stage between its two events. The second tells how long it took, whatever way it ended, and what `work` last
   * said of it. `about` tells two parts of one stage apart.
   */
  readonly stage: <T>(stage: Stage, work: (say: (detail: string) => void) => Promise<T>, about?: string) => Promise<T>
  readonly progress: (part: Partial<Pick<TaskProgress, 'stage' | 'turn' | 'lastTool'>>) => TaskProgress
  readonly check: (name: 'baseline' | 'verification', result: CheckResult) => Promise<void>
  readonly end: (outcome: RunOutcome) => Promise<void>
  /** Time worked on the run so far, all its attempts together. */
  readonly activeMs: () => number
}

/**
 * Runs `work` with a record that always gets its outcome; what `work` throws ends it as failed or cancelled, and goes on. A
 * run that was cut off before is gone on with: same record, same turns.
 */
export async function withRunLog(
  deps: RunStartDeps,
  owned: OwnedTask,
  start: RunStart,
  work: (log: RunLog) => Promise<void>,
): Promise<void> {
  const log = await openRunLog(deps, owned, start)
  try {
    await work(log)
  } catch (error) {
    // The first error is what people need to see; that the record could not be closed only shows in the log.
    // One that has ended stays so, whatever could not be written after that.
    if (log.run.outcome === undefined) {
      await log
        .end(outcomeOfError(error))
        .catch((second: unknown) =>
          deps.log.warn({ error: second, runId: log.run.id }, 'the run could not be closed in the ledger'),
        )
    }
    throw error
  }
}

function outcomeOfError(thrown: unknown): RunOutcome {
  const error = firstError(thrown)
  const reason = error instanceof Error ? error.message.slice(0, 2000) : String(error)
  const category = categoryOf(error)
  if (category === 'cancelled') return { kind: 'cancelled', reason }
  return { kind: 'failed', category, code: error instanceof DevBotError ? error.code : 'bug', reason }
}

async function openRunLog(deps: RunStartDeps, owned: OwnedTask, start: RunStart): Promise<RunLog> {
  const beganAtMs = deps.now()
  const beginning = await beginRun(deps, owned, start, beganAtMs)
  const { run } = beginning
  const log = createRunLog(deps, owned, beginning, beganAtMs)
  await log.save()
  const shown = log.progress({})
  if (beginning.isResumed) {
    await owned.record({ kind: 'run-resumed', runId: run.id, turn: run.turns }, shown)
    return log
  }
  const { round } = start
  await owned.record(
    { kind: 'run-start', runId: run.id, runKind: run.kind, ...(round === undefined ? {} : { round }) },
    shown,
  )
  return log
}

/** `beganAtMs`: when this attempt at the run began. */
function createRunLog(
  deps: Pick<WorkerDeps, 'ledger' | 'now'>,
  owned: OwnedTask,
  { run: given, before, checkpoint }: Beginning,
  beganAtMs: number,
): RunLog {
  let run = given
  const activeMs = () => (given.activeMs ?? 0) + deps.now() - beganAtMs
  let progress: TaskProgress = {
    runId: run.id,
    runKind: run.kind,
    stage: 'prepare',
    turn: run.turns,
    costMicroUsd: run.costMicroUsd,
    startedAtMs: run.startedAtMs,
    updatedAtMs: beganAtMs,
  }
  const active: Stage[] = []
  const log: RunLog = {
    get run() {
      return run
    },
    before,
    checkpoint,
    activeMs,
    change: (part) => {
      run = { ...run, ...part }
    },
    save: () => deps.ledger.saveRun(owned.ownership, run),
    progress: (part) => {
      progress = { ...progress, ...part, costMicroUsd: run.costMicroUsd, updatedAtMs: deps.now() }
      return progress
    },
    stage: async (stage, work, about) => {
      const beganAtMs = deps.now()
      let said = about
      active.push(stage)
      await owned.record(
        { kind: 'stage-start', stage, ...withDetail(about) },
        log.progress({ stage: foremost(active) }),
      )
      const end = async () => {
        active.splice(active.indexOf(stage), 1)
        const shown = log.progress({ stage: run.outcome === undefined ? foremost(active) : 'ended' })
        await owned.record({ kind: 'stage-end', stage, durationMs: deps.now() - beganAtMs, ...withDetail(said) }, shown)
      }
      // Not in a `finally`, where a ledger that is away would hide what went wrong first.
      await using _end = { [Symbol.asyncDispose]: end }
      return await work((detail) => {
        said = about === undefined ? detail : `${about}: ${detail}`
      })
    },
    check: async (name, result) => {
      run = { ...run, [name]: result }
      await log.save()
      const { exitCode, durationMs, treeId } = result
      await owned.record({
        kind: 'check-end',
        check: name,
        passed: checkPassed(result),
        durationMs,
        treeId,
        ...(exitCode === undefined ? {} : { exitCode }),
      })
    },
    end: async (outcome) => {
      run = { ...run, outcome, endedAtMs: deps.now(), activeMs: activeMs() }
      await log.save()
      await addToTask(deps, owned)
      const detail = 'reason' in outcome ? outcome.reason : 'detail' in outcome ? outcome.detail : undefined
      await owned.record(
        {
          kind: 'run-end',
          runId: run.id,
          outcome: outcome.kind,
          ...(detail === undefined ? {} : { detail: detail.slice(0, 1000) }),
        },
        log.progress({ stage: 'ended' }),
      )
    },
  }
  return log
}

/** Stages run side by side; a person follows the one that is furthest along. */
function foremost(active: readonly Stage[]): Stage {
  return STAGES.findLast((stage) => active.includes(stage)) ?? 'prepare'
}

/** Details are for one line; what is longer is in the report. */
function withDetail(detail: string | undefined): { readonly detail?: string } {
  return detail === undefined ? {} : { detail: detail.slice(0, 300) }
}

/** The task's own sums, over all its runs, killed ones included. */
async function addToTask(deps: Pick<WorkerDeps, 'ledger'>, owned: OwnedTask): Promise<void> {
  const runs = (await deps.ledger.details(owned.task.id))?.runs ?? []
  const sum = (of: (run: RunRecord) => number) => runs.reduce((total, run) => total + of(run), 0)
  await owned.save({
    ...owned.task,
    turns: sum((run) => run.turns),
    costMicroUsd: sum((run) => run.costMicroUsd),
    workMs: sum((run) => run.activeMs ?? (run.endedAtMs === undefined ? 0 : run.endedAtMs - run.startedAtMs)),
  })
}
