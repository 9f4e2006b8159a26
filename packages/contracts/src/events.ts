import { z } from 'zod'
import { runKindSchema, stageSchema } from './outcome.ts'

/** Everything observable about a task is one of these; command line, demo, logs and report read the same stream. */
export const taskEventSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('task-accepted'), planPath: z.string(), branch: z.string() }),
  z.object({ kind: z.literal('run-start'), runId: z.string(), runKind: runKindSchema, round: z.int().optional() }),
  /** A run that was cut off goes on; `turn` is the newest on record. */
  z.object({ kind: z.literal('run-resumed'), runId: z.string(), turn: z.int() }),
  z.object({ kind: z.literal('run-end'), runId: z.string(), outcome: z.string(), detail: z.string().optional() }),
  z.object({ kind: z.literal('stage-start'), stage: stageSchema, detail: z.string().optional() }),
  z.object({ kind: z.literal('stage-end'), stage: stageSchema, durationMs: z.int(), detail: z.string().optional() }),
  z.object({ kind: z.literal('tool-call'), turn: z.int(), tool: z.string(), detail: z.string() }),
  z.object({
    kind: z.literal('turn-end'),
    turn: z.int(),
    costMicroUsd: z.int(),
    durationMs: z.int(),
    stopReason: z.string(),
  }),
  /** The conversation was shortened before the request of `turn`; sizes in tokens of that request. */
  z.object({
    kind: z.literal('context-compacted'),
    turn: z.int(),
    beforeTokens: z.int(),
    afterTokens: z.int(),
    stubbedTurns: z.int(),
    recordedTurns: z.int(),
  }),
  z.object({
    kind: z.literal('check-end'),
    check: z.enum(['baseline', 'verification']),
    passed: z.boolean(),
    exitCode: z.int().optional(),
    durationMs: z.int(),
    treeId: z.string(),
  }),
  z.object({ kind: z.literal('branch-pushed'), branch: z.string(), commitId: z.string() }),
  z.object({ kind: z.literal('pull-request-opened'), number: z.int(), url: z.string(), draft: z.boolean() }),
  /** Found on GitHub, made by an earlier ledger's task for the same plan; without a number: a branch only. */
  z.object({ kind: z.literal('work-adopted'), branch: z.string(), number: z.int().optional() }),
  z.object({ kind: z.literal('feedback-received'), feedbackId: z.string(), author: z.string() }),
  z.object({ kind: z.literal('feedback-dropped'), feedbackId: z.string(), author: z.string(), reason: z.string() }),
  z.object({ kind: z.literal('reply-posted'), feedbackId: z.string(), decision: z.string() }),
  z.object({ kind: z.literal('report-written'), fileName: z.string() }),
  z.object({ kind: z.literal('status-changed'), status: z.string(), reason: z.string().optional() }),
  z.object({ kind: z.literal('retry-scheduled'), code: z.string(), reason: z.string(), delayMs: z.int() }),
])
export type TaskEvent = z.infer<typeof taskEventSchema>

/** An event as the ledger keeps it: with its position in the stream and its time (UTC milliseconds). */
export type RecordedEvent = { readonly id: string; readonly atMs: number; readonly event: TaskEvent }
