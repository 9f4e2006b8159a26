import { join } from 'node:path'
import type { Logger } from '@devbot/config'
import {
  isPlanFileName,
  type Plan,
  type PlanHash,
  type PlanLines,
  type PlanProblem,
  parsePlan,
  planHashFor,
  type RepositoryName,
  reportFileNameFor,
  type TaskId,
} from '@devbot/contracts'
import type { PlanIntakeLedger, PlanTask, TaskQueue } from '@devbot/queue'
import { decideIntake, type IntakeDecision } from './decide-intake.ts'
import { oneAtATimePerKey } from './limit-concurrency.ts'
import { branchTakenProblem, copyProblem, judgePlan, type PlanRules } from './plan-rules.ts'
import { fileStateAt, type PlanFileRead, readPlanFile, readReport } from './read-plan-file.ts'
import type { RejectionFiles } from './rejection-file.ts'

export type IntakeResult =
  /** Nothing more to do until the file changes. */
  | { readonly kind: 'settled' }
  /** Look again with the next scan: it depends on other files or on the ledger. */
  | { readonly kind: 'open' }
  /** Written to while it was read, or taken up by another watcher meanwhile: look again at once. */
  | { readonly kind: 'again' }
  /** It seems bad, but was touched a moment ago and may be half written: look again after this time. */
  | { readonly kind: 'later'; readonly delayMs: number }
  | { readonly kind: 'gone' }

/** Bad news about a file waits until it has been left alone for this long. */
const REJECT_AFTER_MS = 1_000

type TakeInOptions = {
  /** For how long the file has not changed. */
  readonly unchangedMs: number
  /** Present: if the plan is accepted now, it waits for a person, for this reason. */
  readonly firstStartHold?: string | undefined
}

export type PlanIntakeOptions = {
  readonly directory: string
  readonly ledger: PlanIntakeLedger
  readonly queue: Pick<TaskQueue, 'wake'>
  readonly rules: PlanRules
  readonly rejections: RejectionFiles
  readonly log: Logger
}

export type PlanIntake = {
  /**
   * Takes one stable file through the whole intake. Safe to repeat. Throws `transient` when the ledger is away, and
   * what the file system throws for reasons that have nothing to do with the file.
   */
  takeIn(name: string, options: TakeInOptions): Promise<IntakeResult>
  /** The same up to the decision, with no effect; undefined when the file cannot become a task. */
  foresee(name: string): Promise<{ readonly decision: IntakeDecision; readonly planHash: PlanHash } | undefined>
}

/** A plan that can be read, and is allowed by the operator's rules. */
type AllowedPlan = {
  readonly name: string
  readonly plan: Plan
  readonly lines: PlanLines
  readonly repository: RepositoryName
  readonly planHash: PlanHash
  readonly planText: string
}

type ReadAndJudged =
  | { readonly kind: 'allowed'; readonly plan: AllowedPlan }
  | { readonly kind: 'rejected'; readonly problems: readonly PlanProblem[] }
  | Exclude<PlanFileRead, { kind: 'read' | 'refused' }>

/** The road of a plan file: read -> parse -> judge -> ask the ledger -> decide -> act. */
export function createPlanIntake(options: PlanIntakeOptions): PlanIntake {
  const { directory, ledger, rules, rejections, log } = options
  // Two new files with the same content must not both be first.
  const oneContentAtATime = oneAtATimePerKey()

  async function takeIn(name: string, { unchangedMs, firstStartHold }: TakeInOptions): Promise<IntakeResult> {
    const judged = await readAndJudge(name)
    if (judged.kind === 'gone') return judged
    if (judged.kind === 'changing') return { kind: 'again' }
    if (judged.kind === 'rejected') {
      if (unchangedMs < REJECT_AFTER_MS) return { kind: 'later', delayMs: REJECT_AFTER_MS - unchangedMs }
      return reject(name, judged.problems, 'settled')
    }
    return oneContentAtATime(judged.plan.planHash, async () => {
      const decision = await decide(judged.plan, firstStartHold)
      return act(judged.plan, decision)
    })
  }

  async function foresee(name: string) {
    const judged = await readAndJudge(name)
    if (judged.kind !== 'allowed') return undefined
    return { decision: await decide(judged.plan, undefined), planHash: judged.plan.planHash }
  }

  async function readAndJudge(name: string): Promise<ReadAndJudged> {
    const file = await readPlanFile(directory, name)
    if (file.kind === 'refused') return { kind: 'rejected', problems: [file.problem] }
    if (file.kind !== 'read') return file
    const parsed = parsePlan(file.content, name)
    if (!parsed.ok) return { kind: 'rejected', problems: parsed.problems }
    const judged = judgePlan(parsed.plan, parsed.lines, rules)
    if (!judged.ok) return { kind: 'rejected', problems: judged.problems }
    const { plan, lines } = parsed
    // The text keeps a byte order mark: its hash stays the plan's hash.
    const planText = Buffer.from(file.content).toString('utf8')
    const planHash = planHashFor(file.content)
    return { kind: 'allowed', plan: { name, plan, lines, repository: judged.repository, planHash, planText } }
  }

  async function decide(plan: AllowedPlan, firstStartHold: string | undefined): Promise<IntakeDecision> {
    const { name, repository, planHash } = plan
    const taskAtPath = await ledger.planTaskAt(repository, name)
    const taskWithHash =
      taskAtPath?.latestPlanHash === planHash ? taskAtPath : await ledger.planTaskWithHash(repository, planHash)
    return decideIntake({
      planPath: name,
      planHash,
      plan: plan.plan,
      taskAtPath,
      taskWithHash,
      otherPathExists: taskWithHash !== undefined && (await planFileExists(taskWithHash.planPath)),
      // Only a ledger that has lost its memory needs the report.
      report: taskAtPath === undefined ? await readReport(directory, reportFileNameFor(name)) : undefined,
      firstStartHold,
    })
  }

  async function planFileExists(planPath: string): Promise<boolean> {
    return isPlanFileName(planPath) && (await fileStateAt(join(directory, planPath))) !== undefined
  }

  async function act(plan: AllowedPlan, decision: IntakeDecision): Promise<IntakeResult> {
    switch (decision.kind) {
      case 'copy':
        return reject(plan.name, [copyProblem(decision.of.planPath)], 'open')
      case 'accept':
        return accept(plan, decision.heldBecause)
      case 'revise':
        return tell(plan, decision.task, {
          kind: 'plan-edited',
          id: `plan-edited-${plan.planHash}`,
          planHash: plan.planHash,
          planText: plan.planText,
        })
      case 'cancel':
        return tell(plan, decision.task, {
          kind: 'plan-cancelled',
          id: `plan-cancelled-${plan.planHash}`,
          planHash: plan.planHash,
        })
      case 'move':
        await ledger.moveTask(decision.task.id, plan.name)
        log.info({ plan: plan.name, from: decision.task.planPath, taskId: decision.task.id }, 'plan renamed')
        await wake(decision.task.id, 'plan-moved')
        return settled(plan.name)
      case 'already-done':
        log.info({ plan: plan.name, status: decision.status }, 'plan done before, says its report; nothing to do')
        return settled(plan.name)
      case 'rest':
        log.info({ plan: plan.name, status: decision.status }, 'plan rests: its status asks for no work')
        return settled(plan.name)
      case 'unchanged':
        return asRead(plan.name, decision.task)
    }
  }

  async function accept(plan: AllowedPlan, heldBecause: string | undefined): Promise<IntakeResult> {
    const answer = await ledger.createTask({
      repository: plan.repository,
      planPath: plan.name,
      planHash: plan.planHash,
      planText: plan.planText,
      title: plan.plan.title,
      priority: plan.plan.priority ?? 'medium',
      ...(plan.plan.branch === undefined ? {} : { branch: plan.plan.branch }),
      branchPrefix: rules.branchPrefix,
      ...(heldBecause === undefined ? {} : { heldBecause }),
    })
    if (answer.kind === 'branch-taken') {
      // A name that DevBot made itself is taken only for the second in which two alike plans came.
      if (plan.plan.branch === undefined) return { kind: 'again' }
      return reject(plan.name, [branchTakenProblem(plan.plan.branch, answer.by, plan.lines)], 'open')
    }
    const { task } = answer
    if (answer.kind === 'existing') return task.planHash === plan.planHash ? settled(plan.name) : { kind: 'again' }
    log.info({ plan: plan.name, taskId: task.id, branch: task.branch, heldBecause }, 'plan accepted')
    if (heldBecause === undefined) await wake(task.id, 'accepted')
    return settled(plan.name)
  }

  async function tell(
    plan: AllowedPlan,
    task: PlanTask,
    item: Parameters<PlanIntakeLedger['addToInbox']>[1],
  ): Promise<IntakeResult> {
    const answer = await ledger.addToInbox(task.id, item)
    if (answer === 'unknown-task') return { kind: 'open' }
    log.info(
      { plan: plan.name, taskId: task.id, answer },
      item.kind === 'plan-edited' ? 'plan edited' : 'plan cancelled',
    )
    await wake(task.id, item.kind)
    await settled(plan.name)
    // Looked at again until the task has read it: a task that ends first leaves the edit to the next generation.
    return item.kind === 'plan-edited' ? { kind: 'open' } : { kind: 'settled' }
  }

  async function wake(taskId: TaskId, reason: string): Promise<void> {
    try {
      await options.queue.wake(taskId, reason)
    } catch (error) {
      log.warn({ error, taskId }, 'the task is in the ledger but could not be queued; the sweeper will queue it')
    }
  }

  /** Nothing to do, once the task has taken in what the file says. */
  async function asRead(name: string, task: PlanTask): Promise<IntakeResult> {
    const result = await settled(name)
    return task.planHash === task.latestPlanHash ? result : { kind: 'open' }
  }

  async function settled(name: string): Promise<IntakeResult> {
    if (await rejections.remove(name)) log.info({ plan: name }, 'plan fixed: its rejection is removed')
    return { kind: 'settled' }
  }

  async function reject(
    name: string,
    problems: readonly PlanProblem[],
    then: 'settled' | 'open',
  ): Promise<IntakeResult> {
    const facts = { plan: name, problems }
    try {
      const written = await rejections.write(name, problems)
      if (written === 'written') log.warn(facts, 'plan rejected; the reasons are in the file beside it')
      if (written === 'not-ours')
        log.warn(facts, 'plan rejected; a file that is not ours stands where the reasons would')
    } catch (error) {
      log.error({ ...facts, error }, 'plan rejected, and the file with the reasons cannot be written beside it')
    }
    return { kind: then }
  }

  return { takeIn, foresee }
}
