import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type PlanHash, planHashSchema, type TaskId, taskIdSchema } from './ids.ts'

/**
 * Which plan file of which DevBot something was made for: `<instance>-<repository and path>`, both hashed. It outlives
 * the ledger, because the folder and the settings say it again; an edit of the plan does not change it, a rename does.
 */
export const planOriginSchema = z
  .string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{16}$/)
  .brand<'PlanOrigin'>()
export type PlanOrigin = z.infer<typeof planOriginSchema>

export function planOriginFor(plan: {
  readonly instance: string
  readonly repository: string
  readonly planPath: string
}): PlanOrigin {
  const place = `${plan.repository.toLowerCase()}\n${plan.planPath}`
  return planOriginSchema.parse(`${shortHash(plan.instance, 8)}-${shortHash(place, 16)}`)
}

export const taskMarkerSchema = z.object({
  taskId: taskIdSchema,
  planHash: planHashSchema,
  /** Absent in what was made before there was one. */
  origin: planOriginSchema.optional(),
  /** Feedback rounds done, in pull requests. */
  rounds: z.int().nonnegative().optional(),
  /** In commits that keep the work of a run that did not finish: how it ended. */
  unfinished: z.enum(['limit-reached', 'gave-up']).optional(),
})
export type TaskMarker = z.infer<typeof taskMarkerSchema>

/** By what the task of a plan is found again. */
export type PlanIdentity = { readonly taskId: TaskId; readonly planHash: PlanHash; readonly origin: PlanOrigin }

/** The hidden line in a pull request's body by which DevBot finds its own again. */
export function pullRequestMarkerFor({ taskId, planHash, origin, rounds }: TaskMarker): string {
  const more = `${origin === undefined ? '' : ` origin=${origin}`}${rounds === undefined ? '' : ` rounds=${rounds}`}`
  return `<!-- devbot:task=${taskId} plan=${planHash}${more} -->`
}

/** The first marker in a text, if it is well formed. A marker proves nothing by itself: anybody can copy it. */
export function parsePullRequestMarker(body: string): TaskMarker | undefined {
  const match = /<!-- devbot:task=(\S+) plan=(\S+)(?: origin=(\S+))?(?: rounds=(\d{1,6}))? -->/.exec(body)
  if (match === null) return undefined
  const rounds = match[4] === undefined ? undefined : Number(match[4])
  return parseMarker({ taskId: match[1], planHash: match[2], origin: match[3], rounds })
}

/** The trailers every commit of ours carries, one per line. */
export function commitTrailersFor({ taskId, planHash, origin, unfinished }: TaskMarker): string {
  return [
    `DevBot-Task: ${taskId}`,
    `DevBot-Plan-Hash: ${planHash}`,
    ...(origin === undefined ? [] : [`DevBot-Origin: ${origin}`]),
    ...(unfinished === undefined ? [] : [`DevBot-Unfinished: ${unfinished}`]),
  ].join('\n')
}

/**
 * The trailers of a commit message, if task and plan are there and all are well formed. The last ones count: ours end
 * the message, and the prose above them may hold anything.
 */
export function parseCommitTrailers(message: string): TaskMarker | undefined {
  const last = (name: string) => [...message.matchAll(new RegExp(`^${name}: (\\S+)\\r?$`, 'gm'))].at(-1)?.[1]
  return parseMarker({
    taskId: last('DevBot-Task'),
    planHash: last('DevBot-Plan-Hash'),
    origin: last('DevBot-Origin'),
    unfinished: last('DevBot-Unfinished'),
  })
}

function parseMarker(parts: Readonly<Record<string, unknown>>): TaskMarker | undefined {
  const known = Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined))
  const marker = taskMarkerSchema.safeParse(known)
  return marker.success ? marker.data : undefined
}

/**
 * Whether something with this marker was made for the plan: the same file, or the same content under another name (a
 * plan may have been renamed since), of the same DevBot. Without an origin, task or content have to be the same.
 */
export function isMarkedFor(marker: TaskMarker, plan: PlanIdentity): boolean {
  const samePlan = marker.planHash === plan.planHash
  if (marker.origin === undefined) return samePlan || marker.taskId === plan.taskId
  return marker.origin === plan.origin || (samePlan && marker.origin.slice(0, 8) === plan.origin.slice(0, 8))
}

/** The hidden line in a reply, so that a repeated attempt sees that this item was answered already. */
export function replyMarkerFor(feedbackId: string): string {
  return `<!-- devbot:reply=${feedbackId} -->`
}

/** Feedback items that a text of ours says it answers. */
export function repliesIn(body: string): readonly string[] {
  return [...body.matchAll(/<!-- devbot:reply=([\w-]{1,100}) -->/g)].map((match) => match[1] ?? '')
}

function shortHash(text: string, digits: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits)
}
