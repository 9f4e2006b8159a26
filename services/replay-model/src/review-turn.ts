import { type MessagesRequest, textOf } from './request.ts'
import type { Trajectory, Turn } from './trajectory.ts'

/** How DevBot's self-review begins its only message (services/worker/src/self-review/prompts/change.md). */
const REVIEW_HEADING = '# Review of a finished change\n'

/** Whether this is the question of a self-review: one message, and no tools. */
export function isReview(request: MessagesRequest): boolean {
  const [only, ...more] = request.messages
  const hasTools = (request.tools ?? []).length > 0
  return !hasTools && more.length === 0 && textOf(only?.content ?? '').startsWith(REVIEW_HEADING)
}

/** The trajectory's answer to it: its findings as the JSON that is asked for, or a text of its own. Without one: none. */
export function reviewTurn(trajectory: Trajectory | undefined): Turn {
  const { answer, findings = [], faults = [] } = trajectory?.review ?? {}
  return { text: answer ?? JSON.stringify({ findings }), calls: [], faults, delayMs: 0 }
}
