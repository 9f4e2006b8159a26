import { fenceText, implementMessage, reviseMessage } from '@devbot/agent'
import type { FeedbackItem } from '@devbot/contracts'
import { instructionsFor } from './policy/instructions.ts'
import type { RunRules } from './policy/run-rules.ts'
import { describePaths } from './repository-overview.ts'
import type { Source } from './stages/prepare.ts'

/** Diff of the branch that a revise run starts with; the agent reads the rest in the files. */
const MAX_DIFF_BYTES = 100 * 1024
/** Protected globs that are named; the rest are in the policy that the agent can read. */
const MAX_NAMED_GLOBS = 40

export type MessageInput = {
  /** The plan's text as the ledger has it; the parsed plan is in the source's rules. */
  readonly text: string
  readonly source: Source
  /** The run's random mark around text that is not ours. */
  readonly delimiter: string
}

/** The first message of an implement run, from what the bare store knows: no sandbox is needed for it. */
export async function implementPrompt({ text, source, delimiter }: MessageInput): Promise<string> {
  const { rules, base } = source
  const { plan } = rules
  return implementMessage({
    delimiter,
    planText: text,
    title: plan.title,
    overview: describePaths(base.paths, plan.workdir),
    testCommand: rules.test?.command,
    acceptance: plan.acceptance,
    keptWork: source.keptWork === undefined ? undefined : await diffOf(source),
    instructions: instructionsFor(base, plan.workdir),
    limitsOnPaths: limitsOnPaths(rules),
  })
}

/** The message of a run that goes on with the work of another, which an error ended. */
export function withEarlierWork({ checkpoint }: { readonly checkpoint: unknown }, message: string): string {
  if (checkpoint === undefined) return message
  return `${message}\n\nAn earlier attempt was ended by an error. What it had changed is in the workspace: git status and git diff show it.`
}

/** The first message of a revise run: the plan, every item with its place, and the branch's difference from the base. */
export async function revisePrompt(
  input: MessageInput & { readonly items: readonly FeedbackItem[]; readonly planEdited: boolean },
): Promise<string> {
  const { source, items, planEdited, text, delimiter } = input
  const { rules, base } = source
  return reviseMessage({
    delimiter,
    planText: text,
    items,
    diff: await diffOf(source),
    testCommand: rules.test?.command,
    instructions: instructionsFor(base, rules.plan.workdir),
    limitsOnPaths: limitsOnPaths(rules),
    planDiff: planEdited
      ? 'The plan was edited since the last run. What is above is its new text: bring the branch in line with it.'
      : undefined,
  })
}

/** What the branch changes so far. */
function diffOf({ store, baseCommitId, startCommitId }: Source): Promise<string> {
  return store.diffText(baseCommitId, startCommitId, MAX_DIFF_BYTES)
}

/** Where tests run, and which paths the change may and may not touch. */
function limitsOnPaths({ plan, protectedPaths, scopes }: RunRules): string {
  const globs = protectedPaths.flatMap((one) => one.globs)
  const shown = [...globs.slice(0, MAX_NAMED_GLOBS), ...(globs.length > MAX_NAMED_GLOBS ? ['...'] : [])]
  return [
    ...(plan.workdir === undefined ? [] : [`Setup and tests run in ${plan.workdir}.`]),
    ...(globs.length === 0 ? [] : [`Protected; changes there are not taken over: ${shown.join(', ')}`]),
    ...scopes.map((scope) => `Keep the change within (${scope.saidBy}): ${scope.globs.join(', ')}`),
  ]
    .map((line) => `- ${inOneLine(line)}`)
    .join('\n')
}

/** A glob of a policy cannot look like a line of ours. */
function inOneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')
}

/** A plan that was edited while the agent works. */
export function editedPlanNote(planText: string, delimiter: string): string {
  const fence = fenceText({
    label: 'plan',
    text: planText,
    delimiter,
    maxCharacters: planText.length,
    escapeComments: false,
  })
  return `The plan was edited while you work. From now on this text holds:\n\n${fence}`
}
