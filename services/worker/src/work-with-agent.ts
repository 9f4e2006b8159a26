import type { AgentEnding, FinishClaim, FinishVerdict } from '@devbot/agent'
import { withoutSecrets } from '@devbot/config'
import {
  type CheckResult,
  checkPassed,
  DevBotError,
  type FeedbackItem,
  type Finish,
  type Plan,
  type RunKind,
  type RunOutcome,
} from '@devbot/contracts'
import type { WorkerDeps } from './deps.ts'
import { openWorkspace } from './open-workspace.ts'
import type { OwnedTask } from './own-task.ts'
import type { RunLog } from './run-log.ts'
import { findSecrets } from './secret-search.ts'
import { runAgentStage } from './stages/agent.ts'
import { runCheck } from './stages/check.ts'
import { type CollectedChange, collectChange } from './stages/collect-change.ts'
import type { Source } from './stages/prepare.ts'
import type { TestCommand } from './test-command.ts'

/** How often a claim to be done goes back to the agent before it is taken as it is: tests red, answers missing. */
const MAX_REJECTIONS = 3
/** The same where the tests were red before: the plan may have nothing to do with that, and every round costs money. */
const MAX_REJECTIONS_WHEN_RED_BEFORE = 1
/** Test output that goes back to the agent. */
const MAX_FEEDBACK_CHARACTERS = 12_000

export type Work = {
  readonly kind: RunKind
  readonly plan: Plan
  readonly model: string
  readonly source: Source
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
 * The agent at work, and the worker's judgement of it: a claim to be done is believed when the exported tree passes the
 * tests in a fresh check sandbox. The tree that was tested is the one that is published.
 */
export async function workWithAgent(deps: WorkerDeps, owned: OwnedTask, log: RunLog, work: Work): Promise<WorkEnd> {
  await using workspace = openWorkspace(deps, owned, log, work)
  const baseline = work.kind === 'implement' ? startBaseline(deps, owned, log, work) : Promise.resolve()
  let believed: CollectedChange | undefined
  let rejections = 0

  const judgeFinish = async (claim: FinishClaim): Promise<FinishVerdict> => {
    await baseline
    const judgement = await log.stage('verify', async () => {
      const change = await collectChange(await workspace.sandbox(), work.source).catch(tooLarge)
      if ('maxRejections' in change) return { change: undefined, problem: change }
      log.change({ refusedPaths: [...change.refused], finish: withoutSecretsIn(deps, claim) })
      return { change, problem: await findProblem(deps, owned, log, work, claim, change) }
    })
    const { problem } = judgement
    if (problem !== undefined) {
      rejections += 1
      if (rejections <= problem.maxRejections) return { kind: 'rejected', message: problem.message }
      if (problem.neverAccepted !== undefined) throw problem.neverAccepted
    }
    believed = judgement.change
    return { kind: 'accepted' }
  }

  const ending = await log.stage('agent', () =>
    runAgentStage(deps, owned, log, { ...work, workspace: workspace.sandbox, judgeFinish }),
  )
  await baseline
  if (ending.kind === 'finished' && believed !== undefined)
    return { kind: 'finished', claim: ending.claim, change: believed }
  // Awaited here: the sandbox is removed as soon as this function returns.
  return await stoppedWork(deps, await workspace.sandbox(), work, ending)
}

type Problem = {
  readonly message: string
  readonly maxRejections: number
  /** What ends the run instead of the claim being taken as it is. */
  readonly neverAccepted?: DevBotError
}

async function findProblem(
  deps: WorkerDeps,
  owned: OwnedTask,
  log: RunLog,
  work: Work,
  claim: FinishClaim,
  change: CollectedChange,
): Promise<Problem | undefined> {
  const secrets = findSecrets(change.published, deps.secrets)
  if (secrets.length > 0) {
    return {
      maxRejections: MAX_REJECTIONS,
      neverAccepted: secretError(),
      message: `These places hold a value that must never be published: ${secrets.map(({ place }) => place).join(', ')}. Remove it, then finish again.`,
    }
  }
  const unanswered = work.items.filter(({ id }) => !claim.feedback.some((answer) => answer.item === id))
  if (unanswered.length > 0) {
    return {
      maxRejections: MAX_REJECTIONS,
      message: `Every feedback item needs a decision and a reply. Missing: ${unanswered.map(({ id }) => id).join(', ')}. Finish again with all of them.`,
    }
  }
  if (!change.changed || work.test === undefined) return undefined
  const verification = await runCheck(deps, owned, {
    ...work,
    treeId: change.treeId,
    store: work.source.store,
    command: work.test.command,
    runId: log.run.id,
    signal: owned.signal,
  })
  await log.check('verification', verification)
  if (checkPassed(verification)) return undefined
  return redTests(verification, log.run.baseline ?? work.before)
}

/** A change beyond the ceilings is something the agent can mend: a build folder, a download. */
function tooLarge(error: unknown): Problem {
  if (!(error instanceof DevBotError) || error.category !== 'invalid-input') throw error
  return {
    maxRejections: MAX_REJECTIONS,
    neverAccepted: error,
    message: `${error.message}. Remove what does not belong to the change, or add it to .gitignore, then finish again.`,
  }
}

function redTests(verification: CheckResult, baseline: CheckResult | undefined): Problem {
  const how = verification.timedOut ? 'ran out of time' : `failed with exit code ${verification.exitCode ?? 'unknown'}`
  const output = verification.output.slice(-MAX_FEEDBACK_CHARACTERS)
  const redBefore = baseline !== undefined && !checkPassed(baseline)
  const hint = redBefore
    ? ' They failed before your change, too: mend what your plan is about, and finish again if the rest is not part of it.'
    : ''
  return {
    maxRejections: redBefore ? MAX_REJECTIONS_WHEN_RED_BEFORE : MAX_REJECTIONS,
    message: `The tests were run on your change in a fresh copy and ${how} (${verification.command}).${hint}\n\n${output}`,
  }
}

/** The test command on the base tree, beside the agent. A baseline that cannot be had is noted; the work goes on. */
async function startBaseline(deps: WorkerDeps, owned: OwnedTask, log: RunLog, work: Work): Promise<void> {
  const { test, source, plan } = work
  if (test === undefined) {
    log.change({
      notes: [...log.run.notes, 'no test command was found; say it in the plan (`test:`) to have the change verified'],
    })
    return
  }
  try {
    const baseline = await log.stage('baseline', () =>
      runCheck(deps, owned, {
        plan,
        store: source.store,
        treeId: source.startTreeId,
        command: test.command,
        runId: log.run.id,
        signal: owned.signal,
      }),
    )
    await log.check('baseline', baseline)
  } catch (error) {
    if (owned.signal.aborted) return
    deps.log.warn({ taskId: owned.task.id, error }, 'the baseline could not be run')
    log.change({ notes: [...log.run.notes, 'the tests could not be run on the base; there is no "before"'] })
  }
}

async function stoppedWork(
  deps: WorkerDeps,
  sandbox: Parameters<typeof collectChange>[0],
  work: Work,
  ending: AgentEnding,
): Promise<WorkEnd> {
  const change = await collectChange(sandbox, work.source)
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

function withoutSecretsIn(deps: Pick<WorkerDeps, 'secrets'>, claim: FinishClaim): Finish {
  const clean = (text: string) => withoutSecrets(text, deps.secrets)
  return {
    title: clean(claim.title),
    summary: clean(claim.summary),
    key_changes: claim.key_changes.map(clean),
    technical_decisions: claim.technical_decisions.map(clean),
    testing_notes: clean(claim.testing_notes),
    next_steps: claim.next_steps.map(clean),
  }
}

function secretError(): DevBotError {
  return new DevBotError({
    category: 'invalid-input',
    code: 'secret-in-change',
    message:
      'the change holds a value that must never be published, and the agent did not remove it; nothing was pushed. Look for a secret in the plan, the review or the repository',
  })
}
