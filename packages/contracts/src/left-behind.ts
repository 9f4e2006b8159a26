import { z } from 'zod'
import { objectIdSchema } from './ids.ts'
import { isMarkedFor, type PlanIdentity, taskMarkerSchema } from './markers.ts'

const leftPullSchema = z.object({
  number: z.int().positive(),
  state: z.enum(['open', 'closed', 'merged']),
  marker: taskMarkerSchema,
})
export type LeftPull = z.infer<typeof leftPullSchema>

/**
 * What DevBot had made in a repository before this ledger knew of it: pull requests of its own identity, and branches
 * without one. Asked from GitHub once per ledger and repository; what comes later is in the ledger itself.
 */
export const leftBehindSchema = z.object({
  version: z.literal(1),
  /** When GitHub was asked. */
  atMs: z.int(),
  /** Newest first. */
  pulls: z.array(leftPullSchema),
  /** Names under the operator's prefix and what they pointed at; whose they are is not known yet. */
  branches: z.array(z.object({ name: z.string(), headId: objectIdSchema })),
})
export type LeftBehind = z.infer<typeof leftBehindSchema>

/**
 * The pull requests that answer for a plan, best first: an open one, whatever revision of the plan it was made for;
 * else an ended one for exactly this revision. One that ended for another revision answers for nothing: its edit is a
 * new generation. Pure.
 */
export function pullsLeftFor(plan: PlanIdentity, { pulls }: Pick<LeftBehind, 'pulls'>): readonly LeftPull[] {
  const marked = pulls.filter(({ marker }) => isMarkedFor(marker, plan))
  const samePlace = (pull: LeftPull) => (pull.marker.origin === plan.origin ? 0 : 1)
  const open = marked.filter(({ state }) => state === 'open').toSorted((a, b) => samePlace(a) - samePlace(b))
  const ended = marked.filter(({ state, marker }) => state !== 'open' && marker.planHash === plan.planHash)
  return [...open, ...ended]
}
