import type { Plan } from './plan.ts'

/** One thing that is wrong with a plan file. Line numbers are 1-based, in the file as written. */
export type PlanProblem = {
  /** Front matter key, `front matter`, or `file`. */
  readonly field: string
  readonly line?: number
  /** What was expected and what came. */
  readonly problem: string
  /** What would be right; a line to paste where that is possible. */
  readonly remedy: string
}

export type ParsedPlan =
  | { readonly ok: true; readonly plan: Plan }
  | { readonly ok: false; readonly problems: readonly PlanProblem[] }

/** Largest plan file, in bytes. */
export const MAX_PLAN_BYTES = 256 * 1024

/** What a valid plan file looks like; see DESIGN.md section 5. */
export declare function parsePlan(content: Uint8Array, fileName: string): ParsedPlan
