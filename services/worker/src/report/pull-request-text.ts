import {
  checkPassed,
  commitTrailersFor,
  type FileChange,
  pullRequestMarkerFor,
  type RunOutcome,
  type RunRecord,
  type Task,
  type TaskMarker,
} from '@devbot/contracts'
import { planIdentityOf } from '../task-marker.ts'
import {
  acceptanceSentence,
  acceptanceTable,
  brokenTests,
  concernList,
  evidenceSentence,
  examinedRun,
  lintSentence,
} from './evidence-section.ts'
import {
  changeCounts,
  changeLine,
  checkSentence,
  checkVerdict,
  deliveredVerification,
  dollars,
  newestBaseline,
} from './facts.ts'
import { networkLine } from './network-section.ts'
import { codeSpan, publishableLine, publishableText, withoutEffects } from './publishable-text.ts'
import { findingList, reviewedRun, selfReviewSentence } from './self-review-section.ts'

/** Files listed in a pull request's body; the rest is counted, GitHub lists them anyway. */
const MAX_LISTED_FILES = 50
/** GitHub refuses a body of more than 65,536 characters altogether. */
const MAX_BODY_CHARACTERS = 60_000

/** Title, body and draft state of the pull request, and the commit message: facts computed, prose marked. */
export function pullRequestTitle(task: Task, run: RunRecord): string {
  return publishableLine(run.finish?.title ?? task.title, 120)
}

/**
 * A pull request is a draft when the plan or the policy says so, when no passing run of the tests on its tree stands
 * behind it, and when there is something that a person should look at first.
 */
export function isDraft(plan: { readonly status: string }, run: RunRecord): boolean {
  const verification = deliveredVerification([run])
  return (
    plan.status === 'draft' ||
    run.pullRequest?.draft === true ||
    (examinedRun([run])?.concerns ?? []).length > 0 ||
    verification === undefined ||
    !checkPassed(verification)
  )
}

export function pullRequestBody(input: {
  readonly task: Task
  readonly instance: string
  readonly runs: readonly RunRecord[]
  readonly changes: readonly FileChange[]
}): string {
  const { task, runs, changes } = input
  const run = runs.findLast((candidate) => candidate.finish !== undefined) ?? runs.at(-1)
  const baseline = newestBaseline(runs)
  const verification = deliveredVerification(runs)
  const counts = changeCounts(changes)
  const listed = changes.slice(0, MAX_LISTED_FILES).map(changeLine)
  const more = changes.length > listed.length ? [`- and ${changes.length - listed.length} more`] : []
  const examined = examinedRun(runs)
  const concerns = concernList(examined?.concerns)
  const cost = dollars(runs.reduce((total, { costMicroUsd }) => total + costMicroUsd, 0))
  const parts = [
    pullRequestMarkerFor({ ...planIdentityOf(input, task), rounds: task.rounds }),
    `DevBot worked off the plan ${codeSpan(task.planPath)}.`,
    ...(concerns === undefined ? [] : [`## Look at this before merging\n\n${concerns}`]),
    `## Tests\n\n**${checkVerdict(baseline, verification)}**\n\n${testLines(runs).join('\n')}`,
    ...[acceptanceTable(examined?.acceptance)].filter((table) => table !== undefined),
    `## Files\n\n${counts.created} created, ${counts.modified} modified, ${counts.deleted} deleted\n\n${[...listed, ...more].join('\n')}`,
    `## What the agent says\n\n${quoted(publishableText(run?.finish?.summary ?? 'Nothing.'))}`,
    ...findings(runs),
    `<sub>Task ${task.id}, ${task.rounds} feedback rounds, ${cost} US dollars so far. Request changes in a review, and DevBot works them off.</sub>`,
  ]
  return cutAtLine(parts.join('\n\n'))
}

/** The marker stands in the first line and stays. */
function cutAtLine(body: string): string {
  if (body.length <= MAX_BODY_CHARACTERS) return body
  return `${body.slice(0, body.lastIndexOf('\n', MAX_BODY_CHARACTERS))}\n\n_The rest stands in the report beside the plan._`
}

/** The worker's own runs, in short. */
function testLines(runs: readonly RunRecord[]): readonly string[] {
  const verification = deliveredVerification(runs)
  const examined = examinedRun(runs)
  const evidence = verification === undefined ? undefined : examined?.evidence
  const acceptance = acceptanceSentence(examined?.acceptance)
  const review = reviewedRun(runs)?.selfReview
  const network = networkLine(runs.at(-1))
  const deliveredTreeId = runs.findLast(({ commitId }) => commitId !== undefined)?.treeId
  return [
    `- before: ${checkSentence(newestBaseline(runs))}`,
    `- after: ${checkSentence(verification)}`,
    ...(evidence === undefined ? [] : [`- single tests: ${evidenceSentence(evidence)}`, ...brokenTests(evidence)]),
    ...(acceptance === undefined ? [] : [`- acceptance: ${acceptance}`]),
    ...(examined?.lint === undefined ? [] : [`- lint ${lintSentence(examined.lint)}`]),
    ...(review === undefined ? [] : [`- self-review: ${selfReviewSentence(review, deliveredTreeId)}`]),
    ...(network === undefined ? [] : [network]),
  ]
}

function findings(runs: readonly RunRecord[]): readonly string[] {
  const found = reviewedRun(runs)?.selfReview?.findings ?? []
  return found.length === 0 ? [] : [`## What the self-review found\n\n${quoted(findingList(found))}`]
}

/** Subject from the agent's title, body from its summary, trailers from us; they say so when the run did not finish. */
export function commitMessage(
  task: Task,
  run: RunRecord,
  { instance, outcome }: { readonly instance: string; readonly outcome: Pick<RunOutcome, 'kind'> },
): string {
  const subject = withoutEffects(run.finish?.title ?? task.title)
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .slice(0, 100)
  const body = withoutEffects(run.finish?.summary ?? 'Work in progress: the run ended before it was finished.')
    .replace(/[^\P{Cc}\n]/gu, '')
    .replace(/^(DevBot-[\w-]+:|Co-authored-by:|Signed-off-by:)/gim, ' $1')
    .slice(0, 4000)
  return `${subject}\n\n${body.trim()}\n\n${commitTrailersFor({ ...planIdentityOf({ instance }, task), ...unfinished(outcome) })}\n`
}

function unfinished({ kind }: Pick<RunOutcome, 'kind'>): Pick<TaskMarker, 'unfinished'> {
  return kind === 'limit-reached' || kind === 'gave-up' ? { unfinished: kind } : {}
}

function quoted(text: string): string {
  return text
    .split('\n')
    .map((line) => `> ${line}`.trimEnd())
    .join('\n')
}
