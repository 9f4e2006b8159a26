import { newDelimiter } from '@devbot/agent'
import { endTask } from '@devbot/contracts'
import { announcePublication } from './announce-publication.ts'
import type { WorkerDeps } from './deps.ts'
import { implementPrompt, withEarlierWork } from './first-message.ts'
import { modelForPlan } from './model-for-plan.ts'
import { once } from './once.ts'
import type { OwnedTask } from './own-task.ts'
import { settleRules } from './policy/settle-rules.ts'
import { recordStatus } from './record-status.ts'
import { withRunLog } from './run-log.ts'
import { planOf, prepareImplement } from './stages/prepare.ts'
import { putOffToTomorrow } from './until-tomorrow.ts'
import { workWithAgent } from './work-with-agent.ts'

/**
 * From a plan to a branch and a pull request. The first model request goes out at once, from what the bare store knows;
 * fetch, sandbox, setup and baseline get ready beside it. What happens on GitHub is only announced here, and carried out by
 * `completePublication`: after a crash at any point the run goes on at the turn it was in, and nothing is done twice.
 */
export async function implementPlan(deps: WorkerDeps, owned: OwnedTask): Promise<'go-on'> {
  const { plan, text } = await planOf(deps, owned.task.id, owned.task.planPath)
  const model = modelForPlan(deps.settings, plan)
  await withRunLog(deps, owned, { kind: 'implement', model }, async (log) => {
    const { known, fetch } = await prepareImplement(deps, owned, plan, log.run)
    const fetching = once(async () => {
      const fetched = await log.stage('prepare', fetch)
      log.change({ startCommitId: fetched.startCommitId, baseBranch: fetched.baseBranch })
      await log.save()
      return fetched
    })
    const basis = known ?? (await fetching())
    await settleRules(owned, log, basis.rules)
    const begun = log.before?.start
    const delimiter = begun?.delimiter ?? newDelimiter()

    const end = await workWithAgent(deps, owned, log, {
      kind: 'implement',
      rules: basis.rules,
      plan: basis.rules.plan,
      model: basis.rules.model,
      source: fetching,
      test: basis.rules.test,
      firstMessage:
        begun?.firstMessage ?? withEarlierWork(log, await implementPrompt({ text, source: basis, delimiter })),
      delimiter,
      items: [],
    })

    const source = await fetching()
    if (end.kind === 'finished' && !end.change.changed) {
      // The record's words, not the claim's: known secrets were taken out of them.
      const reason = log.run.finish?.summary ?? 'the agent says that nothing has to change'
      await log.end({ kind: 'no-change', reason })
      await owned.save(endTask(owned.task, 'no-change', reason, deps.now()))
      await recordStatus(owned)
    } else if (end.kind === 'finished') {
      await announcePublication(deps, owned, log, { source, change: end.change, outcome: { kind: 'finished' } })
    } else if (end.change?.changed === true) {
      await announcePublication(deps, owned, log, { source, change: end.change, outcome: end.outcome })
    } else if (!(await putOffToTomorrow(deps, owned, log, end.outcome))) {
      await log.end(end.outcome)
      const lost = end.change === undefined ? 'what it had changed was not kept' : 'nothing had been changed'
      await owned.save(endTask(owned.task, 'given-up', `${end.reason}; ${lost}`, deps.now()))
      await recordStatus(owned)
    }
    await end.forget()
  })
  return 'go-on'
}
