import { type PlanHash, planHashSchema, type TaskId, taskIdSchema } from './ids.ts'

export type TaskMarker = { readonly taskId: TaskId; readonly planHash: PlanHash }

/** The hidden line in a pull request's body by which DevBot finds its own again. */
export function pullRequestMarkerFor(marker: TaskMarker): string {
  return `<!-- devbot:task=${marker.taskId} plan=${marker.planHash} -->`
}

/** The first marker in a text, if it is well formed. A marker proves nothing by itself: anybody can copy it. */
export function parsePullRequestMarker(body: string): TaskMarker | undefined {
  const match = /<!-- devbot:task=(\S+) plan=(\S+) -->/.exec(body)
  return match ? parseMarker(match[1], match[2]) : undefined
}

/** The trailers every commit of ours carries, one per line. */
export function commitTrailersFor(marker: TaskMarker): string {
  return `DevBot-Task: ${marker.taskId}\nDevBot-Plan-Hash: ${marker.planHash}`
}

/**
 * The trailers of a commit message, if both are there and well formed. The last ones count: ours end the message, and
 * the prose above them may hold anything.
 */
export function parseCommitTrailers(message: string): TaskMarker | undefined {
  const task = [...message.matchAll(/^DevBot-Task: (\S+)\r?$/gm)].at(-1)
  const plan = [...message.matchAll(/^DevBot-Plan-Hash: (\S+)\r?$/gm)].at(-1)
  return parseMarker(task?.[1], plan?.[1])
}

function parseMarker(task: string | undefined, plan: string | undefined): TaskMarker | undefined {
  const taskId = taskIdSchema.safeParse(task)
  const planHash = planHashSchema.safeParse(plan)
  return taskId.success && planHash.success ? { taskId: taskId.data, planHash: planHash.data } : undefined
}

/** The hidden line in a reply, so that a repeated attempt sees that this item was answered already. */
export function replyMarkerFor(feedbackId: string): string {
  return `<!-- devbot:reply=${feedbackId} -->`
}
