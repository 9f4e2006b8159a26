import { z } from 'zod'

/** Names of test cases that a record keeps of one kind; further ones are only counted. */
export const MAX_LISTED_TESTS = 50
/** All tests of a run, packed, so that later runs can compare: some 3,000 names fit. A record is saved at every turn. */
export const MAX_PACKED_INVENTORY_CHARACTERS = 48 * 1024

const testNames = z.array(z.string().max(300)).max(MAX_LISTED_TESTS)

/**
 * What the runner's own output says of single test cases, before and after the change. It comes from inside the sandbox,
 * so it explains a verdict; the verdict itself is the exit code.
 */
export const testEvidenceSchema = z.object({
  /** Whose output was understood: `node`, `tap`, `vitest`, `jest`, `pytest`, `go`, `go (packages)`, `cargo`, `junit`. */
  runner: z.string().max(40),
  /** Whether there was an inventory of the base to compare with; without, what fails is counted as `newFailing`. */
  compared: z.boolean(),
  counts: z.object({
    /** Failed before, pass now. */
    fixed: z.int().nonnegative(),
    /** Pass now, and did before or are new. */
    passed: z.int().nonnegative(),
    /** Passed before, fail now. */
    regressed: z.int().nonnegative(),
    /** Failed before, fail now. */
    alreadyBroken: z.int().nonnegative(),
    /** Fail now, and were not there before, or not known by name. */
    newFailing: z.int().nonnegative(),
    /** All that are skipped now. */
    skipped: z.int().nonnegative(),
    /** Of them, those that ran before. */
    newlySkipped: z.int().nonnegative(),
    /** There before, and not any more. */
    gone: z.int().nonnegative(),
  }),
  fixed: testNames,
  regressed: testNames,
  alreadyBroken: testNames,
  newFailing: testNames,
  newlySkipped: testNames,
  gone: testNames,
})
export type TestEvidence = z.infer<typeof testEvidenceSchema>

/** What a person should look at before merging; each keeps the pull request a draft. */
export const concernSchema = z.object({
  kind: z.enum([
    'test-deleted',
    'test-skipped',
    'fewer-assertions',
    'test-setup-changed',
    'out-of-scope',
    'acceptance-failed',
    'lint-failed',
  ]),
  /** The file it is about; absent where it is about none. */
  path: z.string().max(4096).optional(),
  detail: z.string().max(500),
})
export type Concern = z.infer<typeof concernSchema>

export const commandEndSchema = z.object({
  /** Absent when a limit ended the command. */
  exitCode: z.int().optional(),
  timedOut: z.boolean(),
  durationMs: z.int().nonnegative(),
})
export type CommandEnd = z.infer<typeof commandEndSchema>

/** Whether a command did what it should: it ended by itself, with 0. */
export function commandSucceeded(end: CommandEnd): boolean {
  return end.exitCode === 0 && !end.timedOut
}

/** An acceptance criterion of the plan and, where it has a command, how that ended on the base and on the delivered tree. */
export const acceptanceResultSchema = z.object({
  criterion: z.string(),
  command: z.string().optional(),
  before: commandEndSchema.optional(),
  after: commandEndSchema.optional(),
})
export type AcceptanceResult = z.infer<typeof acceptanceResultSchema>

/** The policy's `lint`, on the base and on the delivered tree. */
export const lintResultSchema = z.object({
  command: z.string(),
  before: commandEndSchema.optional(),
  after: commandEndSchema.optional(),
})
export type LintResult = z.infer<typeof lintResultSchema>

export const reviewFindingSchema = z.object({
  severity: z.enum(['critical', 'major', 'minor']),
  path: z.string().max(400).optional(),
  line: z.int().positive().optional(),
  problem: z.string().min(1).max(2000),
})
export type ReviewFinding = z.infer<typeof reviewFindingSchema>

/** What a fresh look at the finished change found. Prose of a model: it can send work back once, it decides nothing. */
export const selfReviewSchema = z.object({
  /** `not-done`: no verdict could be had (`reason` says why); the change goes on without it. */
  verdict: z.enum(['approved', 'changes-wanted', 'not-done']),
  reason: z.string().max(500).optional(),
  findings: z.array(reviewFindingSchema).max(20),
  /** The tree that was looked at: after a round of fixes, another one is delivered. */
  treeId: z.string().optional(),
  /** Rounds of fixes that it caused. */
  fixRounds: z.int().nonnegative(),
})
export type SelfReview = z.infer<typeof selfReviewSchema>
