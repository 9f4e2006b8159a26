/** One thing that is wrong with a plan file. Line numbers are 1-based, in the file as written. */
export type PlanProblem = {
  /** Front matter key, `front matter`, or `file`. */
  readonly field: string
  readonly line?: number
  /** What was expected and what came. */
  readonly problem: string
  /** What would be right, in a sentence. */
  readonly remedy: string
  /** A front matter line that would be right, where there is one to give. */
  readonly paste?: string
}

/** In the order of the file; what has no line first. */
export function sortedByLine(problems: readonly PlanProblem[]): readonly PlanProblem[] {
  return problems.toSorted((one, other) => (one.line ?? 0) - (other.line ?? 0))
}
