import type { AgentEnding, FinishClaim } from '@devbot/agent'
import type { Checkpoint, CheckResult, FeedbackItem, Plan, RunKind, RunOutcome, RunRecord } from '@devbot/contracts'
import type { Sandbox } from '@devbot/sandbox'
import { type Checkpoints, createCheckpoints } from './checkpoint/create-checkpoints.ts'
import { changeOfCheckpoint, restoreCheckpoint } from './checkpoint/restore-checkpoint.ts'
import { collectRefusals } from './collect-refusals.ts'
import type { WorkerDeps } from './deps.ts'
import { createHeadStart } from './head-start.ts'
import { createClaimJudge } from './judge-claim.ts'
import { once } from './once.ts'
import { openWorkspace } from './open-workspace.ts'
import type { OwnedTask } from './own-task.ts'
import type { RunRules } from './policy/run-rules.ts'
import { sandboxesAsWanted } from './policy/sandboxes-as-wanted.ts'
import { removeOrLeave } from './remove-or-leave.ts'
import type { RunLog } from './run-log.ts'
import { endingReason, sandboxEnding } from './sandbox-ending.ts'
import { findSecrets } from './secret-search.ts'
import { createRunSetup } from './setup/run-setup.ts'
import { runAgentStage } from './stages/agent.ts'
import { startBaseline } from './stages/baseline.ts'
import { type CollectedChange, collectChange } from './stages/collect-change.ts'
import type { Source } from './stages/prepare.ts'
import { readySandboxes } from './stages/ready-sandboxes.ts'
import type { TestCommand } from './test-command.ts'

export type Work = {
  readonly kind: RunKind
  /** What the run goes by; `plan`, `model` and `test` are its. */
  readonly rules: RunRules
  readonly plan: Plan
  readonly model: string
  /** Where the run starts, once it has been fetched. */
  readonly source: () => Promise<Source>
  readonly test: TestCommand | undefined
  readonly firstMessage: string
  readonly delimiter: string
  /** The test run on the tree the run starts from, where there is one already. */
  readonly before?: CheckResult | undefined
  /** The task's runs before this one, oldest first: what their baselines showed, and what was said of their work. */
  readonly earlier?: readonly RunRecord[]
  /** The round's items; each needs an answer. */
  readonly items: readonly FeedbackItem[]
}

export type WorkEnd = Ending & {
  /** To be called once what is left of the run is kept elsewhere, or not wanted. */
  readonly forget: () => Promise<void>
}

type Ending =
  | { readonly kind: 'finished'; readonly claim: FinishClaim; readonly change: CollectedChange }
  | {
      readonly kind: 'stopped'
      readonly outcome: RunOutcome
      readonly reason: string
      /** The work so far, when there is some and it may be kept. */
      readonly change?: CollectedChange
    }

/**
 * The agent at work beside the baseline. How it ended is a value: a claim that was believed, with the very tree that was
 * judged, or a stop with the work so far.
 */
export async function workWithAgent(given: WorkerDeps, owned: OwnedTask, log: RunLog, work: Work): Promise<WorkEnd> {
  const resumedFrom = await restored(log, work)
  const wanted = sandboxesAsWanted(given.sandboxes, work.rules.sandbox)
  const deps = {
    ...given,
    settings: { ...given.settings, maxTokens: work.rules.maxTokens },
    sandboxes: removeOrLeave(collectRefusals(wanted, log, given.log), given.log),
  }
  const headStart = createHeadStart()
  const source = headStart.after(work.source)
  const ready = once(headStart.after(() => readySandboxes(deps, log, owned.signal)))
  const setup = createRunSetup(deps, owned, log, { ...work, source, environmentId: ready })
  const inSandboxes = { ...work, source, ready, setup }
  await using workspace = openWorkspace(deps, owned, log, { ...inSandboxes, resumeFrom: resumedFrom?.treeId })
  await using checkpoints = createCheckpoints(deps, owned, {
    runId: log.run.id,
    source,
    sandbox: workspace.sandbox,
    signal: owned.signal,
    resumedFrom,
  })
  await using baseline = startBaseline(deps, owned, log, inSandboxes)
  using start = headStart
  const judge = createClaimJudge(deps, owned, log, {
    ...inSandboxes,
    baseline: baseline.done,
    sandbox: workspace.sandbox,
  })

  // A run that goes on may need its sandbox before any request: the newest reply's calls come first.
  if (log.before !== undefined) start.begin()
  if (!given.sandboxes.areTried(work.rules.sandbox)) {
    start.begin()
    await log.stage('prepare', workspace.made, 'the sandbox')
  }

  const ending = await log
    .stage('agent', () =>
      runAgentStage(deps, owned, log, {
        ...work,
        workspace: workspace.sandbox,
        checkpoints,
        recorded: log.before === undefined ? undefined : { ...log.before, restoredTurn: resumedFrom?.turn ?? 0 },
        judgeFinish: judge.verdict,
        onTurnStart: start.begin,
      }),
    )
    .catch(endedBySandbox)
    // A run whose turns or time are used up asks nothing; its work is still waited for below.
    .finally(start.begin)
  // Awaited here, as below: the sandbox is removed as soon as this function returns.
  const forget = checkpoints.drop
  if (ending.kind === 'sandbox-ended') {
    return { ...(await endedWork(deps, workspace.sandbox, work, ending.outcome, checkpoints)), forget }
  }
  await baseline.done
  const change = judge.believed()
  if (ending.kind === 'finished' && change !== undefined) {
    return { kind: 'finished', claim: ending.claim, change, forget }
  }
  return { ...(await stoppedWork(deps, await workspace.sandbox(), work, ending)), forget }
}

/** What ended the sandbox is an ending of the run, when it was something in the sandbox. */
function endedBySandbox(error: unknown): { readonly kind: 'sandbox-ended'; readonly outcome: RunOutcome } {
  const outcome = sandboxEnding(error)
  if (outcome === undefined) throw error
  return { kind: 'sandbox-ended', outcome }
}

/** The checkpoint that the run goes on from, its tree in the store. Waits for the source, where there is one. */
async function restored(log: RunLog, work: Work): Promise<Checkpoint | undefined> {
  const { checkpoint } = log
  if (checkpoint === undefined) return undefined
  const source = await work.source()
  return (await restoreCheckpoint(source.store, source, checkpoint)) === undefined ? undefined : checkpoint
}

/** The work of a sandbox that was ended: as it was then, where that can be had, or after the last turn with a checkpoint. */
async function endedWork(
  deps: WorkerDeps,
  sandbox: () => Promise<Sandbox>,
  work: Work,
  outcome: RunOutcome,
  checkpoints: Checkpoints,
): Promise<Ending> {
  const reason = endingReason(outcome)
  try {
    return { kind: 'stopped', outcome, reason, ...(await keptWork(deps, await sandbox(), work)) }
  } catch (error) {
    await checkpoints.durable()
    const last = checkpoints.last()
    const turn = last?.turn ?? 'none'
    deps.log.warn(
      { error, turn },
      'the work could not be brought out of a sandbox that was ended; its checkpoint is kept',
    )
    return { kind: 'stopped', outcome, reason, ...(last === undefined ? {} : { change: changeOfCheckpoint(last) }) }
  }
}

async function stoppedWork(deps: WorkerDeps, sandbox: Sandbox, work: Work, ending: AgentEnding): Promise<Ending> {
  const kept = await keptWork(deps, sandbox, work)
  if (ending.kind === 'limit-reached') {
    return {
      kind: 'stopped',
      outcome: ending,
      reason: `the limit on ${ending.limit} was reached: ${ending.detail}`,
      ...kept,
    }
  }
  const reason = ending.kind === 'gave-up' ? ending.reason : 'the agent ended without a result'
  return { kind: 'stopped', outcome: { kind: 'gave-up', reason }, reason: `the agent gave up: ${reason}`, ...kept }
}

/** The change so far, when it holds nothing that must not be published. */
async function keptWork(
  deps: WorkerDeps,
  sandbox: Sandbox,
  work: Work,
): Promise<{ readonly change?: CollectedChange }> {
  const change = await collectChange(sandbox, await work.source())
  return findSecrets(change.published, deps.secrets).length === 0 ? { change } : {}
}
