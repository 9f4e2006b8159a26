import { planHashFor, repositoryNameSchema, type Task } from '@devbot/contracts'
import { REPOSITORY, waitFor } from '@devbot/demo'
import { createTaskQueue, type Ledger } from '@devbot/queue'

/** Accepts a plan as the watcher would, without a file, and returns its task. The sweeper of a worker queues it. */
export async function acceptPlan(
  ledger: Ledger,
  plan: { readonly name: string; readonly text: string; readonly repository?: string },
): Promise<Task> {
  const created = await ledger.createTask({
    repository: repositoryNameSchema.parse(plan.repository ?? REPOSITORY),
    planPath: `${plan.name}.md`,
    planHash: planHashFor(plan.text),
    planText: plan.text,
    title: plan.name,
    priority: 'medium',
    branchPrefix: 'agent/',
  })
  if (created.kind !== 'created') throw new Error(`expected a new task for ${plan.name}, got ${created.kind}`)
  return created.task
}

/** Accepts a plan and queues it at once. */
export async function submitPlan(
  stack: { readonly ledger: Ledger; readonly redisUrl: string; readonly instance: string },
  plan: Parameters<typeof acceptPlan>[1],
): Promise<Task> {
  const task = await acceptPlan(stack.ledger, plan)
  const queue = createTaskQueue(stack)
  try {
    await queue.wake(task.id, 'bench')
  } finally {
    await queue.close()
  }
  return task
}

/** Waits until the task has ended, its report included. */
export function waitForEnd(ledger: Ledger, task: Task): Promise<Task> {
  return waitFor(
    `the task ${task.planPath} to end`,
    async () => {
      const details = await ledger.details(task.id)
      return details?.task.endedAtMs !== undefined && !details.task.reportDue && details.due === undefined
        ? details.task
        : undefined
    },
    { everyMs: 100, otherwise: async () => (await ledger.details(task.id))?.task },
  )
}
