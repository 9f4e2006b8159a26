import { z } from 'zod'
import { branchNameProblem } from './branch-name.ts'
import { oneLine, repositoryPath } from './field-schemas.ts'
import { repositoryNameSchema } from './ids.ts'

/** Front matter values of `status` that start or keep work going. */
export const RUNNING_PLAN_STATUSES = ['draft', 'ready', 'approved', 'todo', 'in-progress'] as const
/** Front matter values of `status` that do not start work. */
export const RESTING_PLAN_STATUSES = ['hold', 'completed', 'cancelled'] as const

const planStatusSchema = z.enum([...RUNNING_PLAN_STATUSES, ...RESTING_PLAN_STATUSES])
export const prioritySchema = z.enum(['low', 'medium', 'high', 'critical'])
export type Priority = z.infer<typeof prioritySchema>

const refName = oneLine(200).refine((name) => branchNameProblem(name) === undefined, {
  error: (issue) => branchNameProblem(String(issue.input)) ?? 'expected a branch name',
})

/** The front matter of a plan, key by key (DESIGN.md section 5). Everything is optional. */
export const planFrontMatterSchema = z.object({
  filename: oneLine(255).optional(),
  title: oneLine(200).optional(),
  date: oneLine(64).optional(),
  status: planStatusSchema.optional(),
  priority: prioritySchema.optional(),
  tags: z.array(oneLine(64)).max(32).optional(),
  estimated_complexity: z.enum(['simple', 'moderate', 'complex']).optional(),
  repo: repositoryNameSchema.optional(),
  base: refName.optional(),
  branch: refName.optional(),
  test: oneLine(1000).optional(),
  setup: oneLine(1000).optional(),
  workdir: repositoryPath.optional(),
  model: oneLine(100).optional(),
  max_turns: z.int().min(1).max(1000).optional(),
  budget_usd: z.number().positive().max(1000).optional(),
  max_minutes: z.number().positive().max(1440).optional(),
  reviewers: z.array(oneLine(100)).max(15).optional(),
  labels: z.array(oneLine(50)).max(20).optional(),
  paths: z.array(oneLine(400)).max(100).optional(),
  allow_test_changes: z.boolean().optional(),
  depends_on: z.array(oneLine(255)).max(50).optional(),
  approval: z.enum(['required']).optional(),
  acceptance: z
    .array(z.strictObject({ criterion: oneLine(1000), command: oneLine(1000).optional() }))
    .max(50)
    .optional(),
})
export type PlanFrontMatter = z.infer<typeof planFrontMatterSchema>

/** A plan as DevBot works with it: the parsed front matter, a title in any case, and the Markdown after it. */
export type Plan = Omit<PlanFrontMatter, 'title' | 'status'> & {
  readonly title: string
  readonly status: z.infer<typeof planStatusSchema>
  /** The Markdown after the front matter, as written. */
  readonly body: string
  /** Remarks for the report: unknown keys that were ignored. */
  readonly notes: readonly string[]
}

/** Whether a plan of this status asks for work. */
export function planRuns(plan: Pick<Plan, 'status'>): boolean {
  return (RUNNING_PLAN_STATUSES as readonly string[]).includes(plan.status)
}
