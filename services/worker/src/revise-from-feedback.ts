import { randomBytes } from 'node:crypto'
import { type FeedbackRow, holdTask } from '@devbot/contracts'
import type { PullRequest } from '@devbot/github'
import { announcePublication } from './announce-publication.ts'
import { answeredRows } from './answered-rows.ts'
import type { WorkerDeps } from './deps.ts'
import { revisePrompt } from './first-message.ts'
import { modelForPlan } from './model-for-plan.ts'
import type { OwnedTask } from './own-task.ts'
import { recordStatus } from './record-status.ts'
import { deliveredVerification } from './report/facts.ts'
import { withRunLog } from './run-log.ts'
import { planOf, prepareRevise } from './stages/prepare.ts'
import { testCommandFor } from './test-command.ts'
import { workWithAgent } from './work-with-agent.ts'

/**
 * One round: a batch of feedback items, worked off on the head of the pull request, whoever put it there. Every item
 * gets its decision and reply; push and replies are announced here and carried out by `completePublication`.
 */
export async function reviseFromFeedback(
  deps: WorkerDeps,
  owned: OwnedTask,
  pull: PullRequest,
  rows: readonly FeedbackRow[],
): Promise<void> {
  const { plan, text } = await planOf(deps, owned.task.id, owned.task.planPath)
  const model = modelForPlan(deps.settings, plan)
  const round = owned.task.rounds + 1
  await withRunLog(deps, owned, { kind: 'revise', model, round }, async (log) => {
    const source = await log.stage('prepare', () => prepareRevise(deps, owned, pull))
    // From the base: what the branch says of its own tests does not count.
    const test = await testCommandFor(plan, source.store, await source.store.treeOf(source.baseCommitId))
    const items = rows.map((row) => row.item)
    const delimiter = randomBytes(16).toString('hex')
    const firstMessage = await revisePrompt({
      plan,
      text,
      source,
      test,
      delimiter,
      items,
      planEdited: owned.task.planEdited,
    })

    const before = deliveredVerification((await deps.ledger.details(owned.task.id))?.runs ?? [])

    const end = await workWithAgent(deps, owned, log, {
      kind: 'revise',
      plan,
      model,
      source: async () => source,
      test,
      firstMessage,
      delimiter,
      items,
      before,
    })

    if (end.kind === 'finished') {
      const commitId = await announcePublication(deps, owned, log, {
        source,
        change: end.change,
        outcome: { kind: 'finished' },
        answer: (commit) => answeredRows(deps, rows, end.claim, round, commit),
      })
      deps.log.info({ taskId: owned.task.id, round, commitId }, 'the round is done')
    } else if (end.change?.changed === true) {
      await announcePublication(deps, owned, log, { source, change: end.change, outcome: end.outcome })
    } else {
      await log.end(end.outcome)
      await owned.save(holdTask(owned.task, end.reason))
      await recordStatus(owned)
    }
  })
}
