import type { AskAside, FinishClaim, FinishVerdict } from '@devbot/agent'
import { withoutSecrets } from '@devbot/config'
import { type CheckResult, checkPassed, DevBotError, type Finish } from '@devbot/contracts'
import type { Sandbox } from '@devbot/sandbox'
import type { WorkerDeps } from './deps.ts'
import type { OwnedTask } from './own-task.ts'
import type { RunLog } from './run-log.ts'
import { findSecrets } from './secret-search.ts'
import { createSelfReview } from './self-review/self-review.ts'
import { type CollectedChange, collectChange } from './stages/collect-change.ts'
import { concernProblem, sameConcern } from './verification/concern-problem.ts'
import { howItEnded } from './verification/criteria.ts'
import type { Problem } from './verification/problem.ts'
import { createTreeVerification, redBefore, type VerifiedWork } from './verification/verify-tree.ts'

/** How often a claim to be done goes back to the agent for one reason before it is taken as it is: tests red, answers missing. */
const MAX_REJECTIONS = 3
/** The same where the tests were red before: the plan may have nothing to do with that, and every round costs money. */
const MAX_REJECTIONS_WHEN_RED_BEFORE = 1
/** Test output that goes back to the agent. */
const MAX_FEEDBACK_CHARACTERS = 12_000

export type ClaimJudge = {
  readonly verdict: (claim: FinishClaim, ask: AskAside) => Promise<FinishVerdict>
  /** The change of the claim that was accepted; its tree is the one that was tested. */
  readonly believed: () => CollectedChange | undefined
}

type JudgedWork = VerifiedWork & { readonly baseline: Promise<void>; readonly sandbox: () => Promise<Sandbox> }

/** One claim under judgement. */
type Claimed = {
  readonly claim: FinishClaim
  readonly change: CollectedChange
  readonly say: (detail: string) => void
}

/**
 * The worker's judgement of a claim to be done, question by question: nothing secret in it, the exported tree passes the
 * tests in a fresh check sandbox, every feedback item has its answer, criteria and lint are met, nothing is weakened, and
 * a fresh look at it finds nothing bad. The first problem goes back to the agent, each kind a limited number of times;
 * what is left then stands in the record and keeps the pull request a draft.
 */
export function createClaimJudge(deps: WorkerDeps, owned: OwnedTask, log: RunLog, work: JudgedWork): ClaimJudge {
  let believed: CollectedChange | undefined
  const tree = createTreeVerification(deps, owned, log, work)
  const selfReview = createSelfReview(deps, owned, log, work)

  const questions: readonly ((claimed: Claimed) => Promise<Problem | undefined> | Problem | undefined)[] = [
    ({ change }) => secretProblem(deps, change),
    // Tested first: whatever else is wrong with a claim, no tree is taken that was not tested.
    async ({ change, say }) => {
      const verification = change.changed ? await tree.tests(change.treeId, say) : undefined
      if (verification === undefined || checkPassed(verification)) return undefined
      return redTests(verification, redBefore(log.run, work.before))
    },
    ({ claim }) => answerProblem(claim, work),
    ({ change, say }) => (change.changed ? tree.criteria(change.treeId, say) : undefined),
    ({ change }) =>
      change.changed ? concernProblem(tree.concerns().filter((concern) => !isKnown(concern, work))) : undefined,
  ]

  /** Counts a problem that goes back; false for one that was told often enough. */
  const goesBack = async ({ about, maxRejections, neverAccepted }: Problem): Promise<boolean> => {
    const told = log.run.rejections ?? {}
    const count = (told[about] ?? 0) + 1
    log.change({ rejections: { ...told, [about]: count } })
    await log.save()
    if (count > maxRejections && neverAccepted !== undefined) throw neverAccepted
    return count <= maxRejections
  }

  const examine = async (claim: FinishClaim, say: Claimed['say']) => {
    const change = await collectChange(await work.sandbox(), await work.source()).catch(tooLarge)
    if ('about' in change) return { problem: (await goesBack(change)) ? change : undefined }
    log.change({ refusedPaths: [...change.refused], finish: withoutSecretsIn(deps, claim) })
    for (const question of questions) {
      const problem = await question({ claim, change, say })
      if (problem !== undefined && (await goesBack(problem))) return { change, problem }
    }
    return { change }
  }

  return {
    believed: () => believed,
    verdict: async (claim, ask) => {
      await work.baseline
      const { change, problem } = await log.stage('verify', (say) => examine(claim, say))
      if (problem !== undefined) return { kind: 'rejected', message: problem.message }
      const found = change?.changed === true ? await selfReview.look(change, ask) : undefined
      if (found !== undefined && (await goesBack(found))) return { kind: 'rejected', message: found.message }
      believed = change
      return { kind: 'accepted' }
    },
  }
}

function secretProblem(deps: Pick<WorkerDeps, 'secrets'>, change: CollectedChange): Problem | undefined {
  const secrets = findSecrets(change.published, deps.secrets)
  if (secrets.length === 0) return undefined
  return {
    about: 'secrets',
    maxRejections: MAX_REJECTIONS,
    neverAccepted: secretError(),
    message: `These places hold a value that must never be published: ${secrets.map(({ place }) => place).join(', ')}. Remove it, then finish again.`,
  }
}

function answerProblem(claim: FinishClaim, work: JudgedWork): Problem | undefined {
  const unanswered = work.items.filter(({ id }) => !claim.feedback.some((answer) => answer.item === id))
  if (unanswered.length === 0) return undefined
  return {
    about: 'answers',
    maxRejections: MAX_REJECTIONS,
    message: `Every feedback item needs a decision and a reply. Missing: ${unanswered.map(({ id }) => id).join(', ')}. Finish again with all of them.`,
  }
}

/** What an earlier run of the task was told already, and stood by, is not told again. */
function isKnown(concern: Parameters<typeof sameConcern>[0], { earlier = [] }: JudgedWork): boolean {
  const before = earlier.findLast((run) => run.concerns !== undefined)?.concerns ?? []
  return before.some((known) => sameConcern(known, concern))
}

/** A change beyond the ceilings is something the agent can mend: a build folder, a download. */
const MENDABLE: readonly string[] = ['change-too-large', 'patterns-too-complex']

function tooLarge(error: unknown): Problem {
  if (!(error instanceof DevBotError) || !MENDABLE.includes(error.code)) throw error
  return {
    about: 'size',
    maxRejections: MAX_REJECTIONS,
    neverAccepted: error,
    message: `${error.message}. Remove what does not belong to the change, or add it to .gitignore, then finish again.`,
  }
}

function redTests(verification: CheckResult, wereRedBefore: boolean): Problem {
  const hint = wereRedBefore
    ? ' They failed before your change, too: mend what your plan is about, and finish again if the rest is not part of it.'
    : ''
  return {
    about: 'tests',
    maxRejections: wereRedBefore ? MAX_REJECTIONS_WHEN_RED_BEFORE : MAX_REJECTIONS,
    message: `The tests were run on your change in a fresh copy, and that ${howItEnded(verification)} (${verification.command}).${hint}\n\n${verification.output.slice(-MAX_FEEDBACK_CHARACTERS)}`,
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
