import type { ReviewFinding, RunRecord, SelfReview } from '@devbot/contracts'
import { codeSpan, publishableLine } from './publishable-text.ts'

/** One sentence on the review: what it said, and what became of it. */
export function selfReviewSentence(review: SelfReview, deliveredTreeId: string | undefined): string {
  if (review.verdict === 'not-done') return `not done: ${publishableLine(review.reason ?? 'no reason is known', 500)}`
  const minor = review.findings.filter(({ severity }) => severity === 'minor').length
  const remarks = minor === 0 ? '' : `, ${minor} minor ${minor === 1 ? 'remark' : 'remarks'}`
  if (review.verdict === 'approved') return `approved${remarks}`
  const grave = review.findings.length - minor
  const after =
    review.treeId === deliveredTreeId
      ? 'the agent was told, and changed nothing'
      : 'the agent was told, and changed its work; that was tested, and not reviewed again'
  return `${grave} ${grave === 1 ? 'finding' : 'findings'} to mend${remarks}; ${after}`
}

/** The findings as a list; what they say is a model's prose. */
export function findingList(findings: readonly ReviewFinding[]): string {
  return findings.map(findingLine).join('\n')
}

function findingLine({ severity, path, line, problem }: ReviewFinding): string {
  const place = path === undefined ? '' : ` ${codeSpan(`${path}${line === undefined ? '' : `:${line}`}`)}`
  return `- ${severity}${place}: ${publishableLine(problem, 2000)}`
}

/** The newest run that was reviewed, or should have been. */
export function reviewedRun(runs: readonly RunRecord[]): RunRecord | undefined {
  return runs.findLast((run) => run.selfReview !== undefined)
}
