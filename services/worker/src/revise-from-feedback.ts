import { newDelimiter } from '@devbot/agent'
import { DevBotError, type FeedbackRow, holdTask, type Task } from '@devbot/contracts'
import type { PullRequest } from '@devbot/github'
import { announcePublication } from './announce-publication.ts'
import { answeredRows } from './answered-rows.ts'
import type { WorkerDeps } from './deps.ts'
import { revisePrompt, withEarlierWork } from './first-message.ts'
import { modelForPlan } from './model-for-plan.ts'
import type { OwnedTask } from './own-task.ts'
import type { RunRules } from './policy/run-rules.ts'
import { settleRules } from './policy/settle-rules.ts'
import { recordStatus } from './record-status.ts'
import { deliveredVerification } from './report/facts.ts'
import { type RunLog, withRunLog } from './run-log.ts'
import { planOf, prepareRevise, type Source } from './stages/prepare.ts'
import { putOffToTomorrow } from './until-tomorrow.ts'
import { workWithAgent } from './work-with-agent.ts'

/**
 * One round: a batch of feedback items, worked off on the head of the pull request, whoever put it there. Every item
 * gets its decision and reply; push and replies are announced here and carried out by `completePublication`.
 */
export async function reviseFromFeedback(
  deps: WorkerDeps,
  owned: OwnedTask,
  pull: PullRequest,
  waiting: readonly FeedbackRow[],
): Promise<void> {
  const { plan, text } = await planOf(deps, owned.task.id, owned.task.planPath)
  const model = modelForPlan(deps.settings, plan)
  const round = owned.task.rounds + 1
  await withRunLog(deps, owned, { kind: 'revise', model, round }, async (log) => {
    const source = await log.stage('prepare', () => prepareRevise(deps, owned, plan, pull))
    assertSameStart(log, source)
    log.change({ startCommitId: source.startCommitId })
    const { rules } = source
    refuseFurtherRounds(owned.task, rules)
    await settleRules(owned, log, rules)
    const rows = itemsOfRun(log, waiting)
    const items = rows.map((row) => row.item)
    const begun = log.before?.start
    const delimiter = begun?.delimiter ?? newDelimiter()
    const { planEdited } = owned.task
    const firstMessage =
      begun?.firstMessage ?? withEarlierWork(log, await revisePrompt({ text, source, delimiter, items, planEdited }))

    const runs = (await deps.ledger.details(owned.task.id))?.runs ?? []
    const earlier = runs.filter((run) => run.id !== log.run.id)

    const end = await workWithAgent(deps, owned, log, {
      kind: 'revise',
      rules,
      plan: rules.plan,
      model: rules.model,
      source: async () => source,
      test: rules.test,
      firstMessage,
      delimiter,
      items,
      before: deliveredVerification(earlier),
      earlier,
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
    } else if (!(await putOffToTomorrow(deps, owned, log, end.outcome))) {
      await log.end(end.outcome)
      await owned.save(holdTask(owned.task, end.reason))
      await recordStatus(owned)
    }
    await end.forget()
  })
}

/** The items that the round began with, as far as they still stand; what came since is for the next. */
function itemsOfRun({ before }: RunLog, waiting: readonly FeedbackRow[]): readonly FeedbackRow[] {
  return before === undefined ? waiting : waiting.filter((row) => before.start.items.includes(row.item.id))
}

/** A round that was cut off goes on from the very commit it began with; when the branch moved, it begins anew. */
function assertSameStart({ run }: RunLog, { startCommitId }: Source): void {
  if (run.startCommitId === undefined || run.startCommitId === startCommitId) return
  throw new DevBotError({
    category: 'conflict',
    code: 'run-outdated',
    message: `the branch moved to ${startCommitId} while the round was interrupted; it starts again from there`,
  })
}

/** The operator's own limit was looked at before; the policy may set a lower one. */
function refuseFurtherRounds(task: Task, { maxRounds }: RunRules): void {
  if (task.rounds < maxRounds) return
  throw new DevBotError({
    category: 'invalid-input',
    code: 'rounds-used-up',
    message: `${task.rounds} feedback rounds are done, the limit in the repository's policy (limits.max_rounds); raise it there, or take over the branch`,
  })
}
