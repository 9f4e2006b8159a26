import type { Task } from '@devbot/contracts'
import { type Stack, waitFor } from '@devbot/demo'
import { repository, worldOf } from '../world.ts'
import { matrixPlan, REVIEW, REVIEWED_FILE } from './matrix-plan.ts'

/** A dead worker's lease and its job's lock are waited for, and other plans' kills; the rest is for a busy machine. */
const STEP_TIMEOUT_MS = 600_000

/** What people do in a plan's story: drop it, ask for a change, close the pull request. Throws where it does not go on. */
export async function drivePlan(stack: Stack, name: string, signal?: AbortSignal): Promise<void> {
  const { writePlan, requestChanges, as } = worldOf(stack)
  await writePlan(`${name}.md`, matrixPlan(name))
  const inReview = await until({ stack, name, signal }, 'in-review with its report', (task) =>
    isSettled(task, 'in-review'),
  )
  const number = inReview.pullRequest?.number ?? 0
  const comment = { path: REVIEWED_FILE, line: 1, body: REVIEW.comment }
  await requestChanges('reviewer', number, REVIEW.body, [comment])
  await until({ stack, name, signal }, 'answered', (task) => isSettled(task, 'in-review') && task.rounds === 1)
  await as('reviewer').pulls.update({ ...repository, pull_number: number, state: 'closed' })
  await until({ stack, name, signal }, 'closed', (task) => isSettled(task, 'closed'))
}

function isSettled(task: Task, status: Task['status']): boolean {
  return task.status === status && !task.reportDue && task.publication === undefined
}

/** Asks for this one task: the list of all grows with the matrix. */
function until(
  { stack, name, signal }: { readonly stack: Stack; readonly name: string; readonly signal: AbortSignal | undefined },
  what: string,
  holds: (task: Task) => boolean,
): Promise<Task> {
  const { owner, repo } = repository
  const ask = async () => {
    const known = await stack.ledger.planTaskAt(`${owner}/${repo}` as Task['repository'], `${name}.md`)
    return known === undefined ? undefined : (await stack.ledger.details(known.id))?.task
  }
  return waitFor(
    `${name}: ${what}`,
    async () => {
      signal?.throwIfAborted()
      const task = await ask()
      return task !== undefined && holds(task) ? task : undefined
    },
    { timeoutMs: STEP_TIMEOUT_MS, everyMs: 150, otherwise: ask },
  )
}
