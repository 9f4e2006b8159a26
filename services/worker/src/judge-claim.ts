import type { FinishClaim, FinishVerdict } from '@devbot/agent'
import { withoutSecrets } from '@devbot/config'
import { type CheckResult, checkPassed, DevBotError, type Finish, type ObjectId } from '@devbot/contracts'
import type { Sandbox } from '@devbot/sandbox'
import type { WorkerDeps } from './deps.ts'
import type { OwnedTask } from './own-task.ts'
import type { RunLog } from './run-log.ts'
import { findSecrets } from './secret-search.ts'
import { type CheckInput, runCheck } from './stages/check.ts'
import { type CollectedChange, collectChange } from './stages/collect-change.ts'
import type { TestCommand } from './test-command.ts'
import type { Work } from './work-with-agent.ts'

/** How often a claim to be done goes back to the agent before it is taken as it is: tests red, answers missing. */
const MAX_REJECTIONS = 3
/** The same where the tests were red before: the plan may have nothing to do with that, and every round costs money. */
const MAX_REJECTIONS_WHEN_RED_BEFORE = 1
/** Test output that goes back to the agent. */
const MAX_FEEDBACK_CHARACTERS = 12_000

export type ClaimJudge = {
  readonly verdict: (claim: FinishClaim) => Promise<FinishVerdict>
  /** The change of the claim that was accepted; its tree is the one that was tested. */
  readonly believed: () => CollectedChange | undefined
}

type JudgedWork = Work &
  Pick<CheckInput, 'ready' | 'setup'> & { readonly baseline: Promise<void>; readonly sandbox: () => Promise<Sandbox> }

/**
 * The worker's judgement of a claim to be done: it is believed when the exported tree passes the tests in a fresh check
 * sandbox. Otherwise it goes back to the agent with what was found, a limited number of times.
 */
export function createClaimJudge(deps: WorkerDeps, owned: OwnedTask, log: RunLog, work: JudgedWork): ClaimJudge {
  let believed: CollectedChange | undefined
  let rejections = 0
  const verdict = async (claim: FinishClaim): Promise<FinishVerdict> => {
    await work.baseline
    const { change, problem } = await log.stage('verify', (say) =>
      examineClaim(deps, owned, log, { ...work, say }, claim),
    )
    if (problem !== undefined) {
      rejections += 1
      if (rejections <= problem.maxRejections) return { kind: 'rejected', message: problem.message }
      if (problem.neverAccepted !== undefined) throw problem.neverAccepted
    }
    believed = change
    return { kind: 'accepted' }
  }
  return { verdict, believed: () => believed }
}

async function examineClaim(
  deps: WorkerDeps,
  owned: OwnedTask,
  log: RunLog,
  work: JudgedWork & Pick<CheckInput, 'say'>,
  claim: FinishClaim,
): Promise<{ readonly change?: CollectedChange; readonly problem: Problem | undefined }> {
  const change = await collectChange(await work.sandbox(), await work.source()).catch(tooLarge)
  if ('maxRejections' in change) return { problem: change }
  log.change({ refusedPaths: [...change.refused], finish: withoutSecretsIn(deps, claim) })
  return { change, problem: await findProblem(deps, owned, log, work, claim, change) }
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
  work: JudgedWork & Pick<CheckInput, 'say'>,
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
  // Tested first: whatever else is wrong with a claim, no tree is taken that was not tested.
  const verification =
    change.changed && work.test !== undefined
      ? await verifyOnce(deps, owned, log, { ...work, test: work.test, treeId: change.treeId })
      : undefined
  const unanswered = work.items.filter(({ id }) => !claim.feedback.some((answer) => answer.item === id))
  if (unanswered.length > 0) {
    return {
      maxRejections: MAX_REJECTIONS,
      message: `Every feedback item needs a decision and a reply. Missing: ${unanswered.map(({ id }) => id).join(', ')}. Finish again with all of them.`,
    }
  }
  if (verification === undefined || checkPassed(verification)) return undefined
  return redTests(verification, log.run.baseline ?? work.before)
}

/** Runs the tests on a tree; a claim that changed nothing since is judged by the run there is. */
async function verifyOnce(
  deps: WorkerDeps,
  owned: OwnedTask,
  log: RunLog,
  {
    plan,
    source,
    test,
    treeId,
    ready,
    setup,
    say,
  }: Pick<Work, 'plan' | 'source'> &
    Pick<CheckInput, 'ready' | 'setup' | 'say'> & { readonly test: TestCommand; readonly treeId: ObjectId },
): Promise<CheckResult> {
  const known = log.run.verification
  if (known?.treeId === treeId) return known
  const verification = await runCheck(deps, owned, {
    plan,
    store: (await source()).store,
    treeId,
    command: test.command,
    runId: log.run.id,
    signal: owned.signal,
    ready,
    setup,
    say,
  })
  await log.check('verification', verification)
  return verification
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

function howTheyEnded({ timedOut, exitCode }: CheckResult): string {
  if (timedOut) return 'ran out of time'
  return exitCode === undefined ? 'came to no end of their own' : `failed with exit code ${exitCode}`
}

function redTests(verification: CheckResult, baseline: CheckResult | undefined): Problem {
  const how = howTheyEnded(verification)
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
