import { planHashFor, repositoryNameSchema, type TaskId } from '@devbot/contracts'
import type { Ledger } from '@devbot/queue'

/** A task that the ledger has just accepted. */
export async function acceptedTask(ledger: Ledger): Promise<TaskId> {
  const planText = 'a plan'
  const made = await ledger.createTask({
    repository: repositoryNameSchema.parse('octo-org/hello'),
    planPath: 'plan.md',
    planHash: planHashFor(planText),
    planText,
    title: 'A plan',
    priority: 'medium',
    branchPrefix: 'agent/',
  })
  if (made.kind === 'branch-taken') throw new Error('the branch is taken')
  return made.task.id
}
