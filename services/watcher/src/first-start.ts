import type { Logger } from '@devbot/config'
import type { PlanHash } from '@devbot/contracts'
import type { PlanIntakeLedger } from '@devbot/queue'
import { limitConcurrency } from './limit-concurrency.ts'
import type { PlanIntake } from './plan-intake.ts'

/** Plans looked at together; each holds at most one plan's text. */
const CONCURRENCY = 8

/** Which plans wait for a person when they are accepted, and why. */
export type FirstStart = { readonly holds: (name: string) => string | undefined }

const nothingHeld: FirstStart = { holds: () => undefined }

/**
 * Whether this is a first start with more startable plans than an operator may have meant. A first start is one where
 * every task ever accepted is a held plan of this folder, or one whose pull request was found on GitHub: none at all, or
 * a first start that was interrupted. Throws `transient` when the ledger is away.
 */
export async function assessFirstStart(options: {
  readonly names: readonly string[]
  readonly intake: Pick<PlanIntake, 'foresee'>
  readonly ledger: Pick<PlanIntakeLedger, 'countTasks'>
  readonly maxFirstStart: number
  readonly log: Logger
}): Promise<FirstStart> {
  const { names, maxFirstStart } = options
  const accepted = await options.ledger.countTasks()
  if (accepted > names.length || names.length <= maxFirstStart) return nothingHeld
  const { startable, held } = await countPlans(names, options.intake, accepted > 0)
  if (held !== accepted || startable + held <= maxFirstStart) return nothingHeld
  options.log.warn(
    { plans: startable + held, maxFirstStart },
    `first start: ${startable + held} plans are accepted but held, because there are more than MAX_FIRST_START (${maxFirstStart}); ` +
      'to start them: devbot start --all. Those that have a pull request open are not held',
  )
  const heldNames = new Set(names)
  const reason = `one of ${startable + held} plans at the first start; start it with \`devbot start\``
  return { holds: (name) => (heldNames.has(name) ? reason : undefined) }
}

/** Counts contents, not files: copies do not become tasks. Stops early once a task is known that is not held. */
async function countPlans(
  names: readonly string[],
  intake: Pick<PlanIntake, 'foresee'>,
  stopAtStarted: boolean,
): Promise<{ readonly startable: number; readonly held: number }> {
  const limited = limitConcurrency(CONCURRENCY)
  const startable = new Set<PlanHash>()
  let held = 0
  let started = false
  await Promise.all(
    names.map((name) =>
      limited(async () => {
        if (started && stopAtStarted) return
        const foreseen = await intake.foresee(name)
        if (foreseen?.decision.kind === 'accept') startable.add(foreseen.planHash)
        if (foreseen?.decision.kind === 'unchanged') {
          const { status, adopted } = foreseen.decision.task
          if (status === 'held' || adopted === true) held++
          else started = true
        }
      }),
    ),
  )
  return { startable: startable.size, held }
}
