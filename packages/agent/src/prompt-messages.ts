import type { CheckResult, FeedbackKind, Plan, RunKind } from '@devbot/contracts'
import { renderPrompt } from './render-prompt.ts'
import { fenceText } from './untrusted-text.ts'

/** Ceilings in characters, so that no single text fills the context; a plan is at most 256 KiB by its own rule. */
const MAX = {
  plan: 262_144,
  instructions: 32_768,
  overview: 16_384,
  output: 16_384,
  body: 65_536,
  hunk: 8_192,
  diff: 131_072,
}

/** The system prompt of a run. `delimiter` is the run's random mark, the same as in its messages. */
export function systemPromptFor(input: { readonly runKind: RunKind; readonly delimiter: string }): string {
  return renderPrompt('system', { delimiter: input.delimiter, revise: input.runKind === 'revise' })
}

export type ImplementMessageInput = {
  readonly delimiter: string
  readonly planText: string
  readonly title: string
  /** What the repository holds, from the bare store. */
  readonly overview: string
  readonly testCommand?: string | undefined
  /** The worker's run of the tests on the base tree, when it is known already. */
  readonly baseline?: Pick<CheckResult, 'exitCode' | 'timedOut' | 'output'> | undefined
  readonly acceptance?: Plan['acceptance']
  /** The diff of an earlier run's work, which the workspace holds and this one goes on with. */
  readonly keptWork?: string | undefined
  /** AGENTS.md or CLAUDE.md of the base branch. */
  readonly instructions?: string | undefined
  /** Where tests run, which paths are protected, what the change should stay within: lines that are ours. */
  readonly limitsOnPaths?: string | undefined
}

/** The first message of an `implement` run. */
export function implementMessage(input: ImplementMessageInput): string {
  const fence = fenceWith(input.delimiter)
  return renderPrompt('implement', {
    // Most plans say it themselves.
    title: input.planText.includes(input.title) ? undefined : input.title,
    plan: planFence(input),
    acceptance: input.acceptance?.map(acceptanceLine).join('\n'),
    ...testCommandVariables(input.testCommand),
    baseline: input.baseline && baselineText(input.baseline, fence),
    keptWork: input.keptWork && fence('untrusted diff of the branch', input.keptWork, MAX.diff),
    overview: fence('untrusted files', input.overview, MAX.overview),
    limitsOnPaths: input.limitsOnPaths,
    instructions:
      input.instructions && fence('untrusted repository instructions', input.instructions, MAX.instructions),
  })
}

/** A feedback item as a run sees it; `id` is what the agent answers with. */
export type FeedbackForPrompt = {
  readonly id: string
  readonly kind: FeedbackKind
  readonly author: string
  readonly body: string
  readonly path?: string | undefined
  readonly line?: number | undefined
  readonly hunk?: string | undefined
}

export type ReviseMessageInput = {
  readonly delimiter: string
  readonly planText: string
  /** In the order they were written. */
  readonly items: readonly FeedbackForPrompt[]
  /** From the base to the head of the branch. */
  readonly diff: string
  readonly testCommand?: string | undefined
  /** How the plan changed since the last run, when it did. */
  readonly planDiff?: string | undefined
  /** As in the first message of an `implement` run. */
  readonly instructions?: string | undefined
  readonly limitsOnPaths?: string | undefined
}

/** The first message of a `revise` run. */
export function reviseMessage(input: ReviseMessageInput): string {
  const fence = fenceWith(input.delimiter)
  return renderPrompt('revise', {
    plan: planFence(input),
    planDiff: input.planDiff && fence("difference of the plan's text", input.planDiff, MAX.diff),
    items: input.items.map((item) => itemText(item, fence)).join('\n\n'),
    diff: fence('untrusted diff of the branch', input.diff === '' ? '(no difference)' : input.diff, MAX.diff),
    limitsOnPaths: input.limitsOnPaths,
    instructions:
      input.instructions && fence('untrusted repository instructions', input.instructions, MAX.instructions),
    ...testCommandVariables(input.testCommand),
  })
}

type Fence = (label: string, text: string, maxCharacters: number) => string

function fenceWith(delimiter: string): Fence {
  return (label, text, maxCharacters) => fenceText({ label, text, delimiter, maxCharacters })
}

/** A plan's writer sees its comments in the file, and may well ask for one. */
function planFence(input: { readonly planText: string; readonly delimiter: string }): string {
  return fenceText({
    label: 'plan',
    text: input.planText,
    delimiter: input.delimiter,
    maxCharacters: MAX.plan,
    escapeComments: false,
  })
}

/** Exactly one of the two sections about the test command stays. */
function testCommandVariables(testCommand: string | undefined) {
  return { testCommand, noTestCommand: testCommand === undefined || testCommand === '' }
}

function acceptanceLine({ criterion, command }: NonNullable<Plan['acceptance']>[number]): string {
  return `- ${criterion}${command === undefined ? '' : ` (try it with \`${command}\`)`}`
}

function baselineText(baseline: NonNullable<ImplementMessageInput['baseline']>, fence: Fence): string {
  if (baseline.exitCode === 0 && !baseline.timedOut) return 'they pass.'
  const how = baseline.timedOut ? 'they do not end in time' : `they fail with exit code ${baseline.exitCode ?? 'none'}`
  return `${how}.\n\n${fence('untrusted output of the tests before any change', baseline.output, MAX.output)}`
}

function itemText(item: FeedbackForPrompt, fence: Fence): string {
  const place = item.path === undefined ? '' : ` on ${item.path}${item.line === undefined ? '' : `, line ${item.line}`}`
  const label = `feedback ${item.id}: ${item.kind} by ${item.author}${place}`
  const hunk =
    item.hunk === undefined || item.hunk === ''
      ? ''
      : `\n${fence(`untrusted diff hunk that ${item.id} is about`, item.hunk, MAX.hunk)}`
  return `${fence(label, item.body === '' ? '(no text)' : item.body, MAX.body)}${hunk}`
}
