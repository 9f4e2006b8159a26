import {
  type Plan,
  type PlanHash,
  planRuns,
  type ReportFacts,
  type TaskStatus,
  taskEnded,
  taskStatusSchema,
} from '@devbot/contracts'
import type { PlanTask } from '@devbot/queue'

/** Everything the decision about one plan file depends on. */
export type IntakeFacts = {
  readonly planPath: string
  readonly planHash: PlanHash
  readonly plan: Pick<Plan, 'status' | 'approval'>
  /** The task of the newest generation at this path. */
  readonly taskAtPath?: PlanTask | undefined
  /** The task with exactly this content, at whatever path. */
  readonly taskWithHash?: PlanTask | undefined
  /** Whether a file still stands at the path of `taskWithHash`. */
  readonly otherPathExists: boolean
  /** What the neighbouring report says. */
  readonly report?: ReportFacts | undefined
  /** Present: whatever is accepted now waits for a person, for this reason. */
  readonly firstStartHold?: string | undefined
}

export type IntakeDecision =
  /** This content was taken up before. */
  | { readonly kind: 'unchanged'; readonly task: PlanTask }
  | { readonly kind: 'accept'; readonly heldBecause?: string }
  /** New text for a task that has not ended. */
  | { readonly kind: 'revise'; readonly task: PlanTask }
  | { readonly kind: 'cancel'; readonly task: PlanTask }
  /** The file was renamed. */
  | { readonly kind: 'move'; readonly task: PlanTask }
  /** The same content stands in another file, which was first. */
  | { readonly kind: 'copy'; readonly of: PlanTask }
  /** The plan's status asks for no work. */
  | { readonly kind: 'rest'; readonly status: Plan['status'] }
  /** A report says that exactly this revision was done; the ledger does not know of it any more. */
  | { readonly kind: 'already-done'; readonly status: TaskStatus }

/** An edit that came while the task was ending was never read by it: it is owed to the next generation. */
function endedUnread(task: PlanTask): boolean {
  return taskEnded(task) && task.planHash !== task.latestPlanHash
}

/** What a readable, allowed plan file means (DESIGN.md section 5, Identity). Pure. */
export function decideIntake(facts: IntakeFacts): IntakeDecision {
  const { taskAtPath, taskWithHash } = facts
  if (taskAtPath?.latestPlanHash === facts.planHash && !endedUnread(taskAtPath))
    return { kind: 'unchanged', task: taskAtPath }
  const running = taskAtPath !== undefined && !taskEnded(taskAtPath) ? taskAtPath : undefined
  if (!planRuns(facts.plan)) return decideResting(facts, running)
  if (taskWithHash !== undefined && taskWithHash.planPath !== facts.planPath) {
    if (facts.otherPathExists) return { kind: 'copy', of: taskWithHash }
    // A file renamed over the plan of a running task is an edit of that plan: each task keeps its path.
    if (running === undefined) return { kind: 'move', task: taskWithHash }
  }
  if (running !== undefined) return { kind: 'revise', task: running }
  const doneAs = finalStatusIn(facts)
  if (doneAs !== undefined) return { kind: 'already-done', status: doneAs }
  return { kind: 'accept', ...holdReason(facts) }
}

function decideResting(facts: IntakeFacts, running: PlanTask | undefined): IntakeDecision {
  if (facts.plan.status === 'cancelled' && running !== undefined) return { kind: 'cancel', task: running }
  return { kind: 'rest', status: facts.plan.status }
}

function finalStatusIn({ report, planHash }: IntakeFacts): TaskStatus | undefined {
  if (report === undefined || report.planHash !== planHash) return undefined
  const status = taskStatusSchema.safeParse(report.status)
  return status.success && taskEnded({ status: status.data }) ? status.data : undefined
}

function holdReason(facts: IntakeFacts): { readonly heldBecause?: string } {
  if (facts.plan.approval === 'required') return { heldBecause: 'the plan asks for approval' }
  return facts.firstStartHold === undefined ? {} : { heldBecause: facts.firstStartHold }
}
