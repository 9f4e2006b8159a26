import { z } from 'zod'
import {
  acceptanceResultSchema,
  commandSucceeded,
  concernSchema,
  lintResultSchema,
  MAX_PACKED_INVENTORY_CHARACTERS,
  selfReviewSchema,
  testEvidenceSchema,
} from './evidence.ts'
import { networkRefusalSchema } from './network.ts'

export const runKindSchema = z.enum(['implement', 'revise'])
export type RunKind = z.infer<typeof runKindSchema>

export const STAGES = ['prepare', 'setup', 'baseline', 'agent', 'verify', 'publish', 'report'] as const
export const stageSchema = z.enum(STAGES)
export type Stage = z.infer<typeof stageSchema>

export const limitSchema = z.enum(['turns', 'cost', 'cost-per-day', 'minutes', 'tokens', 'context', 'memory', 'disk'])
export type Limit = z.infer<typeof limitSchema>

/** How a run ended. Reaching a limit or giving up is an ending, not an error. */
export const runOutcomeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('finished') }),
  z.object({ kind: z.literal('no-change'), reason: z.string() }),
  z.object({ kind: z.literal('limit-reached'), limit: limitSchema, detail: z.string() }),
  z.object({ kind: z.literal('gave-up'), reason: z.string() }),
  z.object({ kind: z.literal('cancelled'), reason: z.string() }),
  /** `category` and `code` of the error that ended it, and its message for the operator. */
  z.object({ kind: z.literal('failed'), category: z.string(), code: z.string(), reason: z.string() }),
])
export type RunOutcome = z.infer<typeof runOutcomeSchema>

/** One command run by the worker in a check sandbox. */
export const checkResultSchema = z.object({
  command: z.string(),
  /** Exit code from the engine; absent when a limit ended the command. */
  exitCode: z.int().optional(),
  timedOut: z.boolean(),
  durationMs: z.int().nonnegative(),
  /** Head and tail of stdout and stderr together, capped at 16 KiB. */
  output: z.string(),
  /** The tree that was tested. */
  treeId: z.string(),
})
export type CheckResult = z.infer<typeof checkResultSchema>

export function checkPassed(check: CheckResult): boolean {
  return commandSucceeded(check)
}

/** The agent's prose at the end of a run; marked as prose wherever it is shown. Sizes keep a record small. */
export const finishSchema = z.object({
  title: z.string().min(1).max(200),
  summary: z.string().min(1).max(8000),
  key_changes: z.array(z.string().max(1000)).max(30).default([]),
  technical_decisions: z.array(z.string().max(2000)).max(30).default([]),
  testing_notes: z.string().max(4000).default(''),
  next_steps: z.array(z.string().max(1000)).max(30).default([]),
})
export type Finish = z.infer<typeof finishSchema>

/** One path of a change, as `git diff --name-status` between two commits says it. */
export const fileChangeSchema = z.object({
  kind: z.enum(['created', 'modified', 'deleted', 'renamed', 'type-changed']),
  path: z.string(),
  /** Only for renames: where it was. */
  previousPath: z.string().optional(),
  /** Lines; absent for binary files. */
  addedLines: z.int().nonnegative().optional(),
  deletedLines: z.int().nonnegative().optional(),
})
export type FileChange = z.infer<typeof fileChangeSchema>

/** Our record of one run: facts from git, the engine and the event log, and the agent's marked prose. */
export const runRecordSchema = z.object({
  version: z.literal(1),
  id: z.string(),
  kind: runKindSchema,
  /** Only for `revise`. */
  round: z.int().positive().optional(),
  planHash: z.string(),
  model: z.string(),
  startedAtMs: z.int(),
  endedAtMs: z.int().optional(),
  turns: z.int().nonnegative(),
  /** Time worked up to the newest turn, without what lay between attempts: what the run used of its minutes. */
  activeMs: z.int().nonnegative().optional(),
  costMicroUsd: z.int().nonnegative(),
  tokens: z.object({
    input: z.int().nonnegative(),
    output: z.int().nonnegative(),
    cacheRead: z.int().nonnegative(),
    cacheWrite: z.int().nonnegative(),
  }),
  baseCommitId: z.string().optional(),
  /** What the run builds on: the commit that its sandbox got, and the branch it is for. */
  startCommitId: z.string().optional(),
  baseBranch: z.string().optional(),
  /** The model the run was begun with, before the repository's policy named another. */
  modelAsked: z.string().optional(),
  /** How often in a row it went on after this very turn. */
  resumed: z.object({ turn: z.int(), times: z.int() }).optional(),
  commitId: z.string().optional(),
  /** The tree of `commitId`. */
  treeId: z.string().optional(),
  baseline: checkResultSchema.optional(),
  /** All tests of the baseline, packed; later runs of the task compare with it. */
  baselineInventory: z.string().max(MAX_PACKED_INVENTORY_CHARACTERS).optional(),
  verification: checkResultSchema.optional(),
  /** Where the test command comes from: the plan, the policy, or which file of the repository suggested it. */
  testCommandWhy: z.string().max(300).optional(),
  /** How often a claim to be done went back to the agent, by what was wrong with it; outlives a restart. */
  rejections: z.record(z.string(), z.int().positive()).exactOptional(),
  /** The tree that `evidence`, `concerns`, `acceptance` and `lint` speak of. */
  examinedTreeId: z.string().optional(),
  /** Where the runner's output was understood. */
  evidence: testEvidenceSchema.optional(),
  concerns: z.array(concernSchema).max(200).optional(),
  acceptance: z.array(acceptanceResultSchema).max(50).optional(),
  lint: lintResultSchema.optional(),
  selfReview: selfReviewSchema.optional(),
  /** What the policy that the run went by wants of the pull request, besides what the plan says. */
  pullRequest: z
    .object({ draft: z.boolean(), labels: z.array(z.string()).max(40), reviewers: z.array(z.string()).max(40) })
    .optional(),
  finish: finishSchema.optional(),
  /** Paths that were not taken into the change, each with its reason. */
  refusedPaths: z.array(z.object({ path: z.string(), reason: z.string() })).default([]),
  notes: z.array(z.string()).default([]),
  /** Connections out of the run's sandboxes that the egress-proxy refused; absent in records from before there was one. */
  networkRefusals: z.array(networkRefusalSchema).optional(),
  /** The whole pull request after this run (base to head), from git; at most 1,000 paths are kept. */
  changes: z.array(fileChangeSchema).default([]),
  outcome: runOutcomeSchema.optional(),
})
export type RunRecord = z.infer<typeof runRecordSchema>
