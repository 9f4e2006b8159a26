import { stringify } from 'yaml'
import { inertText } from './inert-text.ts'
import type { PlanProblem } from './plan-problem.ts'

/** First line of the front matter of every rejection file: by it DevBot knows its own, and touches no other. */
const REJECTION_MARK = 'devbot: plan-rejected'

/**
 * The text of `<name>.rejected.md`: machine-readable front matter, then what is wrong line by line, then lines that
 * would be right. The same problems give the same text.
 */
export function formatRejection(planFileName: string, problems: readonly PlanProblem[]): string {
  const name = inertText(planFileName)
  const facts = stringify(
    {
      plan_file: name,
      problems: problems.map(({ field, line }) => (line === undefined ? { field } : { field, line })),
    },
    { lineWidth: 0, defaultKeyType: 'PLAIN' },
  )
  const count = problems.length === 1 ? 'One thing has' : `${problems.length} things have`
  return [
    `---\n${REJECTION_MARK}\n${facts}---\n`,
    `# Plan not accepted: ${inline(name)}\n`,
    `${count} to be changed in \`${name}\` before DevBot can work on it.\n`,
    `${problems.map(problemLine).join('\n')}\n`,
    ...pasteBlock(problems),
    'This file disappears when the plan is fixed; there is nothing else to do. A plan that was accepted before keeps its last accepted text until then.\n',
  ].join('\n')
}

/** Whether a text is a rejection that DevBot wrote. */
export function isRejectionText(text: string): boolean {
  return text.startsWith(`---\n${REJECTION_MARK}\n`)
}

function problemLine(problem: PlanProblem): string {
  const where = problem.line === undefined ? '' : `Line ${problem.line}, `
  return `- **${where}${inline(problem.field)}**: ${problem.problem}.\n  ${problem.remedy}`
}

function pasteBlock(problems: readonly PlanProblem[]): readonly string[] {
  const lines = problems.flatMap(({ paste }) => (paste === undefined ? [] : [paste.replaceAll('`', "'")]))
  if (lines.length === 0) return []
  return [`Front matter lines that would be right:\n\n\`\`\`yaml\n${[...new Set(lines)].join('\n')}\n\`\`\`\n`]
}

/** Text outside a code span: no Markdown or HTML in a name may act. */
function inline(text: string): string {
  return text.replace(/[\\*_[\]<>#|~&]/g, (character) => `\\${character}`)
}
