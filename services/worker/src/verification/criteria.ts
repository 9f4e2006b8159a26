import {
  type AcceptanceResult,
  type CheckResult,
  type CommandEnd,
  type Concern,
  commandSucceeded,
  type LintResult,
  type Plan,
} from '@devbot/contracts'
import type { CheckCommand, CommandRun } from '../stages/check.ts'
import type { Problem } from './problem.ts'

/** What a run checks besides its tests: the plan's criteria that have a command, then the policy's `lint`. */
export type Criteria = { readonly acceptance: Plan['acceptance']; readonly lint: string | undefined }

export type CriteriaResults = { readonly acceptance?: AcceptanceResult[]; readonly lint?: LintResult }

/** How often criteria and lint go back to the agent; once where they failed before, too. */
const MAX_REJECTIONS = 2
const MAX_REJECTIONS_WHEN_RED_BEFORE = 1
/** Output of one command, and of all together, that goes back. */
const MAX_OUTPUT_CHARACTERS = 3_000
const MAX_ALL_CHARACTERS = 12_000

export function criteriaCommands({ acceptance = [], lint }: Criteria): readonly CheckCommand[] {
  const lines = [...acceptance.flatMap(({ command }) => command ?? []), ...(lint === undefined ? [] : [lint])]
  return lines.map((line) => ({ kind: 'command', line }))
}

/** Puts the results of `criteriaCommands`, in their order, beside what is known from the other side. */
export function criteriaResults(
  { acceptance = [], lint }: Criteria,
  side: 'before' | 'after',
  checks: readonly CheckResult[],
  known: CriteriaResults,
): CriteriaResults {
  const rest = [...checks]
  const results = acceptance.map(({ criterion, command }): AcceptanceResult => {
    if (command === undefined) return { criterion }
    const same = known.acceptance?.find((result) => result.criterion === criterion && result.command === command)
    return { criterion, command, ...withoutSide(same, side), ...ended(side, rest.shift()) }
  })
  const knownLint = known.lint?.command === lint ? known.lint : undefined
  return {
    ...(results.length === 0 ? {} : { acceptance: results }),
    ...(lint === undefined
      ? {}
      : { lint: { command: lint, ...withoutSide(knownLint, side), ...ended(side, rest.shift()) } }),
  }
}

type Sides = { readonly before?: CommandEnd | undefined; readonly after?: CommandEnd | undefined }

function withoutSide(known: Sides | undefined, side: 'before' | 'after'): Sides {
  const other = side === 'before' ? 'after' : 'before'
  return known?.[other] === undefined ? {} : { [other]: known[other] }
}

function ended(side: 'before' | 'after', check: CheckResult | undefined): Sides {
  if (check === undefined) return {}
  const { exitCode, timedOut, durationMs } = check
  return { [side]: { ...(exitCode === undefined ? {} : { exitCode }), timedOut, durationMs } }
}

export function criteriaConcerns({ acceptance = [], lint }: CriteriaResults): readonly Concern[] {
  const failed = acceptance.filter(({ after }) => after !== undefined && !commandSucceeded(after))
  return [
    ...failed.map(
      ({ criterion, command, after }): Concern => ({
        kind: 'acceptance-failed',
        detail: `${criterion.slice(0, 250)}: ${command?.slice(0, 150) ?? ''} ${howItEnded(after)}`,
      }),
    ),
    ...(lint?.after === undefined || commandSucceeded(lint.after)
      ? []
      : [{ kind: 'lint-failed' as const, detail: `${lint.command.slice(0, 300)} ${howItEnded(lint.after)}` }]),
  ]
}

/** What goes back to the agent when criteria are not met, or the lint does not pass. */
export function criteriaProblem(results: CriteriaResults, runs: readonly CommandRun[]): Problem | undefined {
  const sides = [...(results.acceptance ?? []).filter(({ command }) => command !== undefined), results.lint].filter(
    (side) => side !== undefined,
  )
  const failed = sides.flatMap((side, index) => {
    const check = runs[index]?.check
    return side.after === undefined || commandSucceeded(side.after) || check === undefined ? [] : [{ side, check }]
  })
  if (failed.length === 0) return undefined
  const allRedBefore = failed.every(({ side }) => side.before !== undefined && !commandSucceeded(side.before))
  const texts = failed.map(({ side, check }) => {
    const what = 'criterion' in side ? `The criterion "${side.criterion}" is not met` : 'The lint does not pass'
    const before =
      side.before !== undefined && !commandSucceeded(side.before) ? ' It failed before your change, too.' : ''
    return `${what}: ${side.command} ${howItEnded(side.after)}.${before}\n${check.output.slice(-MAX_OUTPUT_CHARACTERS)}`
  })
  const isAcceptance = failed.some(({ side }) => 'criterion' in side)
  return {
    about: isAcceptance ? 'acceptance' : 'lint',
    // A criterion is there to be met: that it failed before is what the plan is for.
    maxRejections: !isAcceptance && allRedBefore ? MAX_REJECTIONS_WHEN_RED_BEFORE : MAX_REJECTIONS,
    message: `The tests were run, and then this on a fresh copy of your change:\n\n${texts.join('\n\n')}`.slice(
      0,
      MAX_ALL_CHARACTERS,
    ),
  }
}

export function howItEnded(end: CommandEnd | undefined): string {
  if (end === undefined) return 'was not run'
  if (end.timedOut) return 'ran out of time'
  return end.exitCode === undefined ? 'came to no end of its own' : `ended with exit code ${end.exitCode}`
}
