import type { Concern, TestEvidence } from '@devbot/contracts'
import type { TestInventory } from '@devbot/test-results'

/** Names that a concern spells out. */
const MAX_NAMES = 3

/**
 * What the runner's own lists show: tests that failed before and are not there any more, fewer tests in all, tests that
 * ran before and do not now. Where there is no such list any more, another command may have taken the tests' place. A test with another name is one that went and one that came; that alone is no concern.
 */
export function inventoryConcerns(
  before: TestInventory | undefined,
  evidence: TestEvidence | undefined,
  after: TestInventory | undefined,
): readonly Concern[] {
  if (before === undefined || total(before) === 0) return []
  if (after === undefined || familyOf(after) !== familyOf(before)) return [noList(before, after)]
  if (evidence?.compared !== true) return []
  const concerns: Concern[] = []
  const goneRed = evidence.gone.filter((name) => before.tests.get(name) === 'failed')
  const fewer = before.counted && after.counted ? total(before) - total(after) : 0
  if (goneRed.length > 0) {
    const detail = `failed before, and not among the tests that ran now: ${named(goneRed, goneRed.length)}`
    concerns.push({ kind: 'test-deleted', detail })
  } else if (fewer > 0) {
    const names = evidence.gone.length === 0 ? '' : `: ${named(evidence.gone, evidence.counts.gone)}`
    concerns.push({
      kind: 'test-deleted',
      detail: `${fewer} fewer tests than before by ${after.runner}'s list${names}`,
    })
  }
  if (evidence.counts.newlySkipped > 0) {
    const detail = `ran before, skipped now: ${named(evidence.newlySkipped, evidence.counts.newlySkipped)}`
    concerns.push({ kind: 'test-skipped', detail })
  }
  return concerns.map((concern) => ({ ...concern, detail: concern.detail.slice(0, 500) }))
}

/** Go tells of packages or of tests, as it goes. */
function familyOf({ runner }: TestInventory): string | undefined {
  return runner.split(' ')[0]
}

function noList(before: TestInventory, after: TestInventory | undefined): Concern {
  const now = after === undefined ? 'the output is of no known runner' : `the list is ${after.runner}'s`
  return {
    kind: 'test-setup-changed',
    detail: `${before.runner} listed ${total(before)} tests before, and now ${now}: nothing can be compared`,
  }
}

function total({ counts }: TestInventory): number {
  return counts.passed + counts.failed + counts.skipped
}

function named(names: readonly string[], count: number): string {
  const shown = names.slice(0, MAX_NAMES).map((name) => `"${name.slice(0, 120)}"`)
  return `${shown.join(', ')}${count > shown.length ? ` and ${count - shown.length} more` : ''}`
}
