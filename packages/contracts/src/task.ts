import { z } from 'zod'
import { objectIdSchema, planHashSchema, repositoryNameSchema, taskIdSchema } from './ids.ts'
import { runOutcomeSchema } from './outcome.ts'
import { prioritySchema } from './plan.ts'

export const TASK_STATUSES = [
  /** Accepted, waits for a person (`devbot start`). */
  'held',
  /** Accepted, nothing delivered yet. */
  'ready',
  /** A pull request is open. */
  'in-review',
  'merged',
  'closed',
  'cancelled',
  'no-change',
  /** Ended without a pull request: a limit, the agent gave up, or an error that does not pass. */
  'given-up',
] as const
export const taskStatusSchema = z.enum(TASK_STATUSES)
export type TaskStatus = z.infer<typeof taskStatusSchema>

/** What publishing is about to do, written before the push: after a crash it is carried on with, not done again. */
export const publicationSchema = z.object({
  runId: z.string(),
  commitId: objectIdSchema,
  /** What the branch must point at before the push; absent when it must not exist. */
  expectedHeadId: objectIdSchema.optional(),
  openPullRequest: z.boolean(),
  /** How the run ended, for its record: it is closed after this was written. Absent in records of before. */
  outcome: runOutcomeSchema.optional(),
  /** The pull request may have been created then: it is looked for until GitHub's listings must show it. */
  pullRequestAttemptedAtMs: z.int().optional(),
})
export type Publication = z.infer<typeof publicationSchema>

/** The durable record of a task. Written by its creator once, then only by the worker that owns it. */
export const taskSchema = z.object({
  version: z.literal(1),
  id: taskIdSchema,
  repository: repositoryNameSchema,
  planPath: z.string(),
  generation: z.int().positive(),
  planHash: planHashSchema,
  title: z.string(),
  priority: prioritySchema,
  status: taskStatusSchema,
  /** Why it is held, given up, cancelled or closed; one sentence for a person. */
  statusReason: z.string().optional(),
  /** The code of the error behind `statusReason`, where one is; its entry in the catalogue explains it. */
  statusCode: z.string().optional(),
  /** Who paused it, while it is held for that. */
  pausedBy: z.string().optional(),
  branch: z.string(),
  acceptedAtMs: z.int(),
  updatedAtMs: z.int(),
  endedAtMs: z.int().optional(),
  /** GitHub's numeric id, known after the first prepare. */
  repositoryId: z.int().positive().optional(),
  /** The base branch and the commit the work started from, recorded at the first prepare. */
  baseBranch: z.string().optional(),
  baseCommitId: objectIdSchema.optional(),
  pullRequest: z.object({ number: z.int().positive(), url: z.string(), draft: z.boolean() }).optional(),
  /** What the branch points at after our last push. */
  headCommitId: objectIdSchema.optional(),
  publication: publicationSchema.optional(),
  /**
   * GitHub is still to be asked what an earlier ledger left there for this plan; `when-started`: once a person says start.
   * Absent: it was asked.
   */
  adoption: z.enum(['due', 'when-started']).optional(),
  /** Its branch or pull request was made by an earlier ledger's task, and found on GitHub. */
  adopted: z.boolean().optional(),
  /** Finished feedback rounds that pushed or answered. */
  rounds: z.int().nonnegative(),
  /** Attempts of the current run that ended in a passing trouble, and when the next may start. */
  failedAttempts: z.int().nonnegative(),
  notBeforeMs: z.int().optional(),
  /** The edited plan's difference still has to be worked off. */
  planEdited: z.boolean().default(false),
  /** Something a report must say happened since the last one was written. */
  reportDue: z.boolean().default(false),
  /** Sums over all runs. */
  turns: z.int().nonnegative(),
  costMicroUsd: z.int().nonnegative(),
  workMs: z.int().nonnegative(),
})
export type Task = z.infer<typeof taskSchema>

const ENDED: readonly TaskStatus[] = ['merged', 'closed', 'cancelled', 'no-change', 'given-up']

/** Whether nothing more is owed for the task (a writer's reopening may revive a closed one). */
export function taskEnded(task: Pick<Task, 'status'>): boolean {
  return ENDED.includes(task.status)
}

/** What a person follows: where the current run is. Small, overwritten with every event. */
export const taskProgressSchema = z.object({
  runId: z.string(),
  runKind: z.string(),
  /** A stage's name, or `ended` between two runs. */
  stage: z.string(),
  turn: z.int().nonnegative(),
  lastTool: z.string().optional(),
  costMicroUsd: z.int().nonnegative(),
  startedAtMs: z.int(),
  updatedAtMs: z.int(),
})
export type TaskProgress = z.infer<typeof taskProgressSchema>
