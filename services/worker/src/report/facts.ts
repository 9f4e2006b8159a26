import { type CheckResult, checkPassed, type FileChange, type RunRecord } from '@devbot/contracts'
import { codeSpan } from './publishable-text.ts'

/** The newest test run on exactly the tree that was delivered last; a run on another tree proves nothing about it. */
export function deliveredVerification(runs: readonly RunRecord[]): CheckResult | undefined {
  const treeId = runs.findLast((run) => run.commitId !== undefined)?.treeId
  if (treeId === undefined) return runs.findLast((run) => run.verification !== undefined)?.verification
  return runs.findLast((run) => run.verification?.treeId === treeId)?.verification
}

/** The test run on the base, from the newest run that made one. */
export function newestBaseline(runs: readonly RunRecord[]): CheckResult | undefined {
  return runs.findLast((run) => run.baseline !== undefined)?.baseline
}

/** Counts for the report's front matter; a rename counts as a modification. */
export function changeCounts(changes: readonly FileChange[]): {
  readonly created: number
  readonly modified: number
  readonly deleted: number
} {
  const count = (kinds: readonly FileChange['kind'][]) => changes.filter((change) => kinds.includes(change.kind)).length
  return {
    created: count(['created']),
    modified: count(['modified', 'renamed', 'type-changed']),
    deleted: count(['deleted']),
  }
}

/** One line of the list of changed files: path, where it came from, lines. */
export function changeLine(change: FileChange): string {
  const lines = change.addedLines === undefined ? 'binary' : `+${change.addedLines} -${change.deletedLines ?? 0}`
  const from = change.previousPath === undefined ? '' : ` (renamed from ${codeSpan(change.previousPath)})`
  return `- ${codeSpan(change.path)}${from} (${lines})`
}

/** One sentence on a check: what ran, how it ended, how long it took. */
export function checkSentence(check: CheckResult | undefined): string {
  if (check === undefined) return 'not run'
  const verdict = checkPassed(check) ? 'passed' : check.timedOut ? 'ran out of time' : 'failed'
  const exit = check.exitCode === undefined ? '' : `, exit code ${check.exitCode}`
  return `${verdict} (${codeSpan(check.command)}${exit}, ${seconds(check.durationMs)})`
}

/** What the two checks mean together, in one word a reviewer can act on. */
export function checkVerdict(baseline: CheckResult | undefined, verification: CheckResult | undefined): string {
  if (verification === undefined) return 'not verified: no test run on this tree'
  if (checkPassed(verification)) {
    if (baseline === undefined) return 'tests pass'
    return checkPassed(baseline) ? 'tests pass, before and after' : 'fixed: tests failed before and pass now'
  }
  return baseline !== undefined && !checkPassed(baseline)
    ? 'still red: tests failed before and fail now'
    : 'red: tests fail with this change'
}

export function dollars(microUsd: number): string {
  return (microUsd / 1_000_000).toFixed(4)
}

export function seconds(ms: number): string {
  return ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`
}
