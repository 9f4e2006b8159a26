import {
  errorEntry,
  type FeedbackRow,
  type FileChange,
  parsePlan,
  type RunRecord,
  reportFileNameFor,
  statusCodeOf,
  type Task,
} from '@devbot/contracts'
import { stringify } from 'yaml'
import { OWN_TEXT } from '../feedback-rows.ts'
import { acceptanceTable, concernList, evidenceTable, examinedRun, lintSentence } from './evidence-section.ts'
import {
  changeCounts,
  changeLine,
  checkSentence,
  checkVerdict,
  deliveredVerification,
  dollars,
  newestBaseline,
} from './facts.ts'
import { networkSection } from './network-section.ts'
import { codeBlock, codeSpan, publishableLine, publishableText } from './publishable-text.ts'
import { findingList, reviewedRun, selfReviewSentence } from './self-review-section.ts'

export type ReportInput = {
  readonly task: Task
  readonly planText: string
  /** Oldest first. */
  readonly runs: readonly RunRecord[]
  readonly feedback: readonly FeedbackRow[]
}

/**
 * The report beside the plan. Pure: the same input gives the same bytes. Facts come from git and the ledger; what the
 * agent wrote is marked as such.
 */
export function renderReport(input: ReportInput): string {
  return `---\n${stringify(frontMatterFor(input), { lineWidth: 0 })}---\n\n${sectionsFor(input).join('\n\n')}\n`
}

function frontMatterFor({ task, runs }: ReportInput): Record<string, unknown> {
  const planFile = fileName(task.planPath)
  const counts = changeCounts(latestChanges(runs))
  return {
    filename: reportFileNameFor(planFile),
    title: `Report: ${publishableLine(task.title, 200)}`,
    date: new Date(task.updatedAtMs).toISOString(),
    plan_file: planFile,
    plan_hash: task.planHash,
    task: task.id,
    status: task.status,
    files_created: counts.created,
    files_modified: counts.modified,
    files_deleted: counts.deleted,
    tags: ['report', task.status],
    branch: task.branch,
    pull_request: task.pullRequest?.url ?? null,
    rounds: task.rounds,
    turns: sum(runs, (run) => run.turns),
    cost_usd: Number(dollars(sum(runs, (run) => run.costMicroUsd))),
    duration_s: Math.round(sum(runs, (run) => (run.endedAtMs ?? run.startedAtMs) - run.startedAtMs) / 1000),
  }
}

function sectionsFor(input: ReportInput): readonly string[] {
  const { task, runs } = input
  return [
    `# Report: ${publishableLine(task.title, 200)}`,
    `## Summary\n\n${summary(input)}`,
    ...lookAtThis(runs),
    `## Files Changed\n\n${filesChanged(latestChanges(runs), latestDelivered(runs))}`,
    `## Key Changes\n\n${prose(runs, (run) => run.finish?.key_changes ?? [])}`,
    `## Technical Decisions\n\n${prose(runs, (run) => run.finish?.technical_decisions ?? [])}`,
    `## Testing Notes\n\n${testingNotes(runs)}`,
    ...selfReviewSection(runs),
    ...[networkSection(runs.at(-1))].filter((section) => section !== undefined),
    `## Feedback\n\n${feedbackTable(input.feedback)}`,
    `## Next Steps\n\n${nextSteps(input)}`,
  ]
}

function summary({ task, planText, runs }: ReportInput): string {
  const last = runs.at(-1)
  const lines = [
    `- Status: **${task.status}**${task.statusReason === undefined ? '' : ` (${publishableLine(task.statusReason, 1000)})`}`,
    `- Branch: ${codeSpan(task.branch)}${task.headCommitId === undefined ? ' (nothing pushed)' : ` at ${codeSpan(task.headCommitId)}`}`,
    `- Pull request: ${task.pullRequest === undefined ? 'none' : `${task.pullRequest.url}${task.pullRequest.draft ? ' (draft)' : ''}`}`,
    `- Tests: ${checkVerdict(newestBaseline(runs), deliveredVerification(runs))}`,
    ...(last?.outcome === undefined ? [] : [`- Last run: ${outcomeSentence(last)}`]),
    ...planNotes(planText).map((note) => `- Note on the plan: ${publishableLine(note)}`),
    ...[...new Set(runs.flatMap((run) => run.notes))].map((note) => `- Note: ${publishableLine(note)}`),
  ]
  const said = latestFinish(runs)?.summary
  return said === undefined ? lines.join('\n') : `${lines.join('\n')}\n\n${asProse(publishableText(said))}`
}

function outcomeSentence(run: RunRecord): string {
  const { outcome } = run
  switch (outcome?.kind) {
    case 'limit-reached':
      return `stopped at the limit on ${outcome.limit}: ${publishableLine(outcome.detail)}`
    case 'no-change':
    case 'gave-up':
    case 'cancelled':
      return `${outcome.kind}: ${publishableLine(outcome.reason, 1000)}`
    case 'failed':
      return `failed (${outcome.code}): ${publishableLine(outcome.reason, 1000)}`
    default:
      return 'finished'
  }
}

function filesChanged(changes: readonly FileChange[], delivered: RunRecord | undefined): string {
  const section = (title: string, kinds: readonly FileChange['kind'][]) => {
    const lines = changes.filter((change) => kinds.includes(change.kind)).map(changeLine)
    return `### ${title}\n\n${lines.length === 0 ? 'None.' : lines.join('\n')}`
  }
  const refused = (delivered?.refusedPaths ?? []).map(
    ({ path, reason }) => `- ${codeSpan(path)}: ${publishableLine(reason)}`,
  )
  return [
    section('Created', ['created']),
    section('Modified', ['modified', 'renamed', 'type-changed']),
    section('Deleted', ['deleted']),
    ...(refused.length === 0 ? [] : [`### Not taken over\n\n${refused.join('\n')}`]),
  ].join('\n\n')
}

/** Facts that keep the pull request a draft. */
function lookAtThis(runs: readonly RunRecord[]): readonly string[] {
  const list = concernList(examinedRun(runs)?.concerns)
  return list === undefined ? [] : [`## Look at This Before Merging\n\n${list}`]
}

function selfReviewSection(runs: readonly RunRecord[]): readonly string[] {
  const review = reviewedRun(runs)?.selfReview
  if (review === undefined) return []
  const verdict = `A fresh look at the change, by a model that saw nothing of the work: ${selfReviewSentence(review, latestDelivered(runs)?.treeId)}.`
  const findings = review.findings.length === 0 ? [] : [asProse(findingList(review.findings), 'The reviewer wrote')]
  return [['## Self-Review', verdict, ...findings].join('\n\n')]
}

function testingNotes(runs: readonly RunRecord[]): string {
  const verification = deliveredVerification(runs)
  const examined = examinedRun(runs)
  const facts = [
    ...testCommandLine(runs),
    `- Before the change: ${checkSentence(newestBaseline(runs))}`,
    `- After the change: ${checkSentence(verification)}`,
    ...(verification === undefined
      ? []
      : [`- Tested tree: ${codeSpan(verification.treeId)}, the tree of the pushed commit`]),
    ...(examined?.lint === undefined ? [] : [`- Lint ${lintSentence(examined.lint)}`]),
  ].join('\n')
  const tables = [
    ...(verification === undefined ? [] : [evidenceTable(examined?.evidence)]),
    ...[acceptanceTable(examined?.acceptance)].filter((table) => table !== undefined),
  ].map((table) => `\n\n${table}`)
  const output =
    verification !== undefined && verification.exitCode !== 0
      ? `\n\n${codeBlock(verification.output.slice(-4000))}`
      : ''
  const said = latestFinish(runs)?.testing_notes
  return `${facts}${tables.join('')}${output}${said === undefined || said === '' ? '' : `\n\n${asProse(publishableText(said))}`}`
}

/** Where the newest run's test command comes from: nobody wrote most of them down. */
function testCommandLine(runs: readonly RunRecord[]): readonly string[] {
  const why = runs.at(-1)?.testCommandWhy
  return why === undefined ? [] : [`- The test command: ${publishableLine(why)}`]
}

function feedbackTable(all: readonly FeedbackRow[]): string {
  const rows = all.filter((row) => row.reason !== OWN_TEXT)
  if (rows.length === 0) return 'None yet.'
  const head = '| item | from | decision | commit | reply |\n| --- | --- | --- | --- | --- |'
  return `${head}\n${rows.map(feedbackLine).join('\n')}`
}

function feedbackLine({ item, state, reason, decision, commitId, reply }: FeedbackRow): string {
  const where = item.path === undefined ? item.kind : `${item.path}${item.line === undefined ? '' : `:${item.line}`}`
  const said = state === 'dropped' ? 'not shown to the agent' : publishableLine(item.body, 80)
  const verdict = state === 'dropped' ? `dropped: ${publishableLine(reason ?? '')}` : (decision ?? 'open')
  const cell = (text: string | undefined) => (text === undefined || text === '' ? '-' : text)
  return `| ${codeSpan(where).replaceAll('|', '\\|')} ${said} | ${publishableLine(item.author)} | ${verdict} | ${cell(commitId?.slice(0, 12))} | ${cell(reply === undefined ? undefined : publishableLine(reply, 200))} |`
}

function nextSteps({ task, runs }: ReportInput): string {
  const ours = {
    held: `A person is needed: ${task.statusReason ?? ''} ${whatToDo(task)}Then: \`devbot start ${task.id}\`.`,
    ready: 'DevBot works on it, or will try again by itself.',
    'in-review': 'Review the pull request. DevBot works off requested changes by itself.',
    merged: 'None: the pull request was merged.',
    closed: 'None: the pull request was closed. Reopening it revives the task.',
    cancelled: 'None: the task was cancelled. Edit the plan to start again.',
    'no-change': 'None, if you agree that nothing had to change. Edit the plan to start again.',
    'given-up': `${task.headCommitId === undefined ? 'Nothing was pushed. Edit' : `Look at the branch ${codeSpan(task.branch)}, which keeps the work; edit`} the plan (smaller, clearer, or with higher limits where it set its own) to start again.`,
  }[task.status]
  const said = latestFinish(runs)?.next_steps ?? []
  return said.length === 0
    ? publishableText(ours)
    : `${publishableText(ours)}\n\n${asProse(said.map((step) => `- ${publishableLine(step, 1000)}`).join('\n'))}`
}

/** What the error catalogue advises, where an error is behind the status. */
function whatToDo(task: Task): string {
  const code = statusCodeOf(task)
  return code === undefined ? '' : `${errorEntry(code).remedy} `
}

function prose(runs: readonly RunRecord[], pick: (run: RunRecord) => readonly string[]): string {
  const blocks = runs
    .filter((run) => pick(run).length > 0)
    .map(
      (run) =>
        `${run.round === undefined ? '' : `Round ${run.round}:\n\n`}${asProse(
          pick(run)
            .map((line) => `- ${publishableLine(line, 2000)}`)
            .join('\n'),
        )}`,
    )
  return blocks.length === 0 ? 'None.' : blocks.join('\n\n')
}

/** Marks what a model wrote: a quotation with its author. */
function asProse(text: string, author = 'The agent wrote'): string {
  return `_${author}:_\n\n${text
    .split('\n')
    .map((line) => `> ${line}`.trimEnd())
    .join('\n')}`
}

function planNotes(planText: string): readonly string[] {
  const parsed = parsePlan(Buffer.from(planText), 'plan.md')
  return parsed.ok ? parsed.plan.notes : []
}

function latestDelivered(runs: readonly RunRecord[]): RunRecord | undefined {
  return runs.findLast((run) => run.commitId !== undefined)
}

function latestChanges(runs: readonly RunRecord[]): readonly FileChange[] {
  return latestDelivered(runs)?.changes ?? []
}

function latestFinish(runs: readonly RunRecord[]): RunRecord['finish'] {
  return runs.findLast((run) => run.finish !== undefined)?.finish
}

function sum(runs: readonly RunRecord[], of: (run: RunRecord) => number): number {
  return runs.reduce((total, run) => total + of(run), 0)
}

function fileName(path: string): string {
  return path.split('/').at(-1) ?? path
}
