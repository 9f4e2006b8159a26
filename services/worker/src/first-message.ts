import { fenceText, implementMessage, reviseMessage } from '@devbot/agent'
import type { FeedbackItem, ObjectId, Plan } from '@devbot/contracts'
import type { RepositoryStore } from '@devbot/git'
import type { Source } from './stages/prepare.ts'
import type { TestCommand } from './test-command.ts'

/** Entries of the top folder that are named; the agent lists the rest itself. */
const MAX_OVERVIEW_ENTRIES = 200
const RECENT_COMMITS = 8
const MAX_INSTRUCTION_BYTES = 32 * 1024
/** Diff of the branch that a revise run starts with; the agent reads the rest in the files. */
const MAX_DIFF_BYTES = 100 * 1024

export type MessageFacts = {
  readonly plan: Plan
  readonly text: string
  readonly test: TestCommand | undefined
  /** The run's random mark around text that is not ours. */
  readonly delimiter: string
}

/** What the bare store tells of a repository without a sandbox. */
export type RepositoryFactsForPrompt = { readonly overview: string; readonly instructions: string | undefined }

export async function repositoryFacts(source: Source): Promise<RepositoryFactsForPrompt> {
  const [overview, instructions] = await Promise.all([overviewOf(source), instructionsOf(source)])
  return { overview, instructions }
}

/** The first message of an implement run. */
export function implementPrompt(input: MessageFacts & { readonly facts: RepositoryFactsForPrompt }): string {
  const { plan, text, facts, test, delimiter } = input
  return implementMessage({
    delimiter,
    planText: text,
    title: plan.title,
    overview: facts.overview,
    testCommand: test?.command,
    acceptance: plan.acceptance,
    instructions: facts.instructions,
  })
}

/** The first message of a revise run: the plan, every item with its place, and the branch's difference from the base. */
export async function revisePrompt(
  facts: MessageFacts & {
    readonly source: Source
    readonly items: readonly FeedbackItem[]
    readonly planEdited: boolean
  },
): Promise<string> {
  const { source, items, planEdited, test, text, delimiter } = facts
  return reviseMessage({
    delimiter,
    planText: text,
    items,
    diff: await source.store.diffText(source.baseCommitId, source.startCommitId, MAX_DIFF_BYTES),
    testCommand: test?.command,
    planDiff: planEdited
      ? 'The plan was edited since the last run. What is above is its new text: bring the branch in line with it.'
      : undefined,
  })
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

async function overviewOf({ store, startTreeId, startCommitId }: Source): Promise<string> {
  const [entries, subjects] = await Promise.all([
    topEntries(store, startTreeId),
    store.recentSubjects(startCommitId, RECENT_COMMITS),
  ])
  return `Top folder:\n${entries}\n\nNewest commits:\n${subjects.join('\n')}`
}

async function topEntries(store: RepositoryStore, treeId: ObjectId): Promise<string> {
  const paths = (await store.listTree(treeId)).map((entry) => entry.path)
  const top = [...new Set(paths.map((path) => (path.includes('/') ? `${path.slice(0, path.indexOf('/'))}/` : path)))]
  const more = top.length > MAX_OVERVIEW_ENTRIES ? [`and ${top.length - MAX_OVERVIEW_ENTRIES} more`] : []
  return [...top.slice(0, MAX_OVERVIEW_ENTRIES), ...more, `(${paths.length} files in all)`].join('\n')
}

/** The repository's own instructions, always from the base: what the agent's branch says of itself does not count. */
async function instructionsOf({ store, startTreeId }: Source): Promise<string | undefined> {
  const [agents, claude] = await Promise.all(
    ['AGENTS.md', 'CLAUDE.md'].map((path) => store.readFile(startTreeId, path, MAX_INSTRUCTION_BYTES)),
  )
  const bytes = agents ?? claude
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8')
}
