import type { Concern } from '@devbot/contracts'
import type { Problem } from './problem.ts'

/** Concerns that are told one by one. */
const MAX_TOLD = 30

const WHAT: Readonly<Record<Concern['kind'], string>> = {
  'test-deleted': 'Tests were deleted',
  'test-skipped': 'Tests do not run any more',
  'fewer-assertions': 'Tests assert less',
  'test-setup-changed': 'What runs the tests was changed',
  'out-of-scope': 'Outside of what may be changed',
  'acceptance-failed': 'Not met',
  'lint-failed': 'The lint does not pass',
}

/** The agent hears once of what would keep its pull request a draft; it may mend it, or finish again and say why. */
export function concernProblem(concerns: readonly Concern[]): Problem | undefined {
  if (concerns.length === 0) return undefined
  const lines = concerns.slice(0, MAX_TOLD).map((concern) => `- ${concernText(concern)}`)
  const more = concerns.length > MAX_TOLD ? [`- and ${concerns.length - MAX_TOLD} more`] : []
  return {
    about: 'concerns',
    maxRejections: 1,
    message: `A person has to look at this before your change can be merged, unless you take it back:\n\n${[...lines, ...more].join('\n')}\n\nUndo what the plan does not ask for. What has to stay, explain in the summary, then finish again.`,
  }
}

/** One concern in one sentence; paths and details come from the repository, and are no more than text. */
function concernText({ kind, path, detail }: Concern): string {
  return path === undefined ? `${WHAT[kind]}: ${detail}` : `${WHAT[kind]}: ${path} (${detail})`
}

export function sameConcern(one: Concern, other: Concern): boolean {
  return one.kind === other.kind && one.path === other.path && one.detail === other.detail
}
