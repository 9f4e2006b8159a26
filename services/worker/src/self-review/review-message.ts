import { readFileSync } from 'node:fs'
import { fenceText, renderTemplate } from '@devbot/agent'
import type { AcceptanceResult, Concern, FeedbackItem, Plan, RunRecord } from '@devbot/contracts'
import { evidenceSentence } from '../report/evidence-section.ts'
import { checkVerdict, newestBaseline } from '../report/facts.ts'
import { howItEnded } from '../verification/criteria.ts'

/** Ceilings in characters: a review is to cost a fraction of the run. */
const MAX = { plan: 64 * 1024, claim: 8 * 1024, feedback: 32 * 1024, diff: 160 * 1024, line: 400 }

export type ReviewSubject = {
  readonly plan: Plan
  /** The run under review, with what was found out so far. */
  readonly run: RunRecord
  /** The task's runs before it. */
  readonly earlier: readonly RunRecord[]
  readonly items: readonly FeedbackItem[]
  /** From the base to the finished tree. */
  readonly diff: string
  /** Random, and new for every review. */
  readonly delimiter: string
}

export function reviewSystemPrompt(delimiter: string): string {
  return renderTemplate(prompt('system'), { delimiter })
}

/** Everything the reviewer gets to see: facts as they are, everybody else's words between marks. */
export function reviewMessage({ plan, run, earlier, items, diff, delimiter }: ReviewSubject): string {
  const fence = (label: string, text: string, maxCharacters: number) =>
    fenceText({ label, text: text === '' ? '(nothing)' : text, delimiter, maxCharacters })
  const list = (label: string, lines: readonly string[]) =>
    lines.length === 0 ? undefined : fence(label, lines.join('\n'), MAX.feedback)
  return renderTemplate(prompt('change'), {
    plan: fence('plan', `${plan.title}\n\n${plan.body}`, MAX.plan),
    acceptance: list(
      'acceptance criteria of the plan, with what their commands gave',
      (run.acceptance ?? []).map(criterionLine),
    ),
    feedback: list(
      'feedback on the pull request',
      items.map((item) => `- ${item.id}: ${item.body}`),
    ),
    facts: factLines(run, earlier).join('\n'),
    concerns: list('concerns; names and paths come from the repository', (run.concerns ?? []).map(concernLine)),
    claim: fence('untrusted words of the engineer', claimText(run), MAX.claim),
    diff: fence('untrusted diff', diff, MAX.diff),
  })
}

function factLines(run: RunRecord, earlier: readonly RunRecord[]): readonly string[] {
  const { verification, evidence } = run
  return [
    `- Tests: ${checkVerdict(newestBaseline([...earlier, run]), verification)}`,
    ...(evidence === undefined ? [] : [`- Single tests: ${evidenceSentence(evidence)}`]),
    ...(run.lint === undefined ? [] : [`- Lint: ${howItEnded(run.lint.after)}`]),
  ]
}

function criterionLine({ criterion, command, before, after }: AcceptanceResult): string {
  if (command === undefined) return `- ${criterion} (no command: judge it yourself)`
  return `- ${criterion} (\`${command}\`: on the base it ${howItEnded(before)}, now it ${howItEnded(after)})`
}

function concernLine({ kind, path, detail }: Concern): string {
  return `- ${kind}${path === undefined ? '' : ` in ${path}`}: ${detail}`.slice(0, MAX.line)
}

function claimText({ finish }: RunRecord): string {
  if (finish === undefined) return ''
  return [
    finish.title,
    finish.summary,
    ...finish.key_changes,
    ...finish.technical_decisions,
    finish.testing_notes,
  ].join('\n')
}

function prompt(name: 'system' | 'change'): string {
  return readFileSync(new URL(`./prompts/${name}.md`, import.meta.url), 'utf8')
}
