import type { AgentEnding, FinishClaim } from '@devbot/agent'
import type { CheckResult, FeedbackItem, Plan, RunKind, RunOutcome } from '@devbot/contracts'
import type { WorkerDeps } from './deps.ts'
import { createClaimJudge } from './judge-claim.ts'
import { openWorkspace } from './open-workspace.ts'
import type { OwnedTask } from './own-task.ts'
import type { RunLog } from './run-log.ts'
import { findSecrets } from './secret-search.ts'
import { runAgentStage } from './stages/agent.ts'
import { startBaseline } from './stages/baseline.ts'
import { type CollectedChange, collectChange } from './stages/collect-change.ts'
import type { Source } from './stages/prepare.ts'
import type { TestCommand } from './test-command.ts'

export type Work = {
  readonly kind: RunKind
  readonly plan: Plan
  readonly model: string
  /** Where the run starts, once it has been fetched. */
  readonly source: () => Promise<Source>
  readonly test: TestCommand | undefined
  readonly firstMessage: string
  readonly delimiter: string
  /** The test run on the tree the run starts from, where there is one already. */
  readonly before?: CheckResult | undefined
  /** The round's items; each needs an answer. */
  readonly items: readonly FeedbackItem[]
}

export type WorkEnd =
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
export async function workWithAgent(deps: WorkerDeps, owned: OwnedTask, log: RunLog, work: Work): Promise<WorkEnd> {
  await using workspace = openWorkspace(deps, owned, log, work)
  await using baseline = startBaseline(deps, owned, log, work)
  const judge = createClaimJudge(deps, owned, log, { ...work, baseline: baseline.done, sandbox: workspace.sandbox })

  const ending = await log.stage('agent', () =>
    runAgentStage(deps, owned, log, { ...work, workspace: workspace.sandbox, judgeFinish: judge.verdict }),
  )
  await baseline.done
  const change = judge.believed()
  if (ending.kind === 'finished' && change !== undefined) return { kind: 'finished', claim: ending.claim, change }
  // Awaited here: the sandbox is removed as soon as this function returns.
  return await stoppedWork(deps, await workspace.sandbox(), work, ending)
}

async function stoppedWork(
  deps: WorkerDeps,
  sandbox: Parameters<typeof collectChange>[0],
  work: Work,
  ending: AgentEnding,
): Promise<WorkEnd> {
  const change = await collectChange(sandbox, await work.source())
  const publishable = findSecrets(change.published, deps.secrets).length === 0
  const kept = publishable ? { change } : {}
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
