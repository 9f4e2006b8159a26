import { decodePlan } from './decode-plan.ts'
import { readFrontMatter } from './front-matter.ts'
import type { Plan } from './plan.ts'
import { planFileNameProblem } from './plan-file-name.ts'
import { isPlanKey } from './plan-keys.ts'
import { type PlanProblem, sortedByLine } from './plan-problem.ts'
import { planTitleFor } from './plan-title.ts'
import { readPlanKeys } from './read-plan-keys.ts'
import { splitFrontMatter } from './split-front-matter.ts'

export type PlanLines = Readonly<Record<string, number>>

export type ParsedPlan =
  /** `lines`: where each key of ours stands in the file, for problems found later. */
  | { readonly ok: true; readonly plan: Plan; readonly lines: PlanLines }
  | { readonly ok: false; readonly problems: readonly PlanProblem[] }

/** Problems told at once; a file with more has a single cause that these show. */
const MAX_PROBLEMS = 50

/**
 * Reads a plan file (DESIGN.md section 5): optional YAML front matter between `---` lines, then Markdown. Never throws;
 * what is wrong comes back as problems, all at once, in the order of the file. How values are read is said at
 * `readPlanKeys`; unknown keys become notes unless they look like a misspelt key of ours.
 * @param content the bytes of the file, at most 256 KiB of UTF-8.
 * @param fileName the file's name in the plan folder; the last resort for a title.
 */
export function parsePlan(content: Uint8Array, fileName: string): ParsedPlan {
  const nameProblem = planFileNameProblem(fileName)
  if (nameProblem !== undefined) return rejected([nameProblem])
  const decoded = decodePlan(content)
  if (!decoded.ok) return rejected([decoded.problem])
  const split = splitFrontMatter(decoded.text)
  if (split.kind === 'broken') return rejected([split.problem])
  const frontMatter = split.kind === 'with' ? readFrontMatter(split.yaml, 1) : { entries: [], problems: [] }
  const keys = readPlanKeys(frontMatter.entries)
  const problems = [...frontMatter.problems, ...keys.problems, ...bodyProblems(split.body, decoded.text)]
  if (problems.length > 0) return rejected(problems)
  const { title, status, ...values } = keys.values
  return {
    ok: true,
    lines: Object.fromEntries(
      frontMatter.entries.filter(({ key }) => isPlanKey(key)).map(({ key, line }) => [key, line]),
    ),
    plan: {
      ...values,
      title: title ?? planTitleFor(split.body, fileName),
      status: status ?? 'ready',
      body: split.body,
      notes: keys.notes,
    },
  }
}

function rejected(problems: readonly PlanProblem[]): ParsedPlan {
  return { ok: false, problems: sortedByLine(problems).slice(0, MAX_PROBLEMS) }
}

function bodyProblems(body: string, text: string): readonly PlanProblem[] {
  if (body.trim() !== '') return []
  return [
    {
      field: 'file',
      line: text.trimEnd().split('\n').length,
      problem: 'expected a description of what should be done, found no text below the front matter',
      remedy: 'Say in Markdown, below the front matter, what should change and how one sees that it works.',
    },
  ]
}
