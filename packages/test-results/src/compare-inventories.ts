import { MAX_LISTED_TESTS, type TestEvidence } from '@devbot/contracts'
import type { TestInventory, TestStatus } from './inventory.ts'

/**
 * What became of the tests between two runs. Where a runner does not name every test, only what follows from what it
 * does say is told: a test that failed before and is not among all named failures now is fixed, unless there are fewer
 * tests now. Inventories of different runners are not compared.
 */
export function compareInventories(before: TestInventory | undefined, after: TestInventory): TestEvidence {
  const known = before?.runner === after.runner ? before : undefined
  const names = (wanted: (name: string, now: TestStatus) => boolean) =>
    [...after.tests].flatMap(([name, now]) => (wanted(name, now) ? [name] : []))
  const was = (name: string) => known?.tests.get(name)

  const fewer = known === undefined || !known.counted || !after.counted ? 0 : Math.max(0, total(known) - total(after))
  const vanished = known === undefined ? [] : [...known.tests.keys()].filter((name) => !after.tests.has(name))
  const isNowUnnamed = known !== undefined && !after.complete && after.failuresNamed
  const silentlyFixed = isNowUnnamed && fewer === 0 ? vanished.filter((name) => was(name) === 'failed') : []
  const gone = known?.complete === true && after.complete ? vanished : []

  const fixed = [...names((name, now) => now === 'passed' && was(name) === 'failed'), ...silentlyFixed]
  const regressed = names((name, now) => now === 'failed' && was(name) === 'passed')
  const alreadyBroken = names((name, now) => now === 'failed' && was(name) === 'failed')
  const newlySkipped = names((name, now) => now === 'skipped' && (was(name) === 'passed' || was(name) === 'failed'))
  const newFailing = names((name, now) => now === 'failed' && (was(name) === undefined || was(name) === 'skipped'))
  return {
    runner: after.runner,
    compared: known !== undefined,
    counts: {
      fixed: fixed.length,
      passed: Math.max(0, after.counts.passed - fixed.length),
      regressed: regressed.length,
      alreadyBroken: alreadyBroken.length,
      newFailing: Math.max(newFailing.length, after.counts.failed - regressed.length - alreadyBroken.length),
      skipped: after.counts.skipped,
      newlySkipped: newlySkipped.length,
      gone: Math.max(gone.length, gone.length > 0 ? 0 : fewer),
    },
    fixed: listed(fixed),
    regressed: listed(regressed),
    alreadyBroken: listed(alreadyBroken),
    newFailing: listed(newFailing),
    newlySkipped: listed(newlySkipped),
    gone: listed(gone),
  }
}

function total({ counts }: TestInventory): number {
  return counts.passed + counts.failed + counts.skipped
}

function listed(names: readonly string[]): string[] {
  return names.slice(0, MAX_LISTED_TESTS)
}
