import { basename } from 'node:path'
import type { Concern } from '@devbot/contracts'
import { summariseTests, type TestSummary } from './summarise-tests.ts'

/** A changed file as it was at the base and as it is now; absent: it is not there. */
export type ChangedFile = { readonly path: string; readonly before?: string; readonly after?: string }

/** Names that a concern spells out. */
const MAX_NAMES = 3
const MAX_NAME_CHARACTERS = 80

type Counted = { readonly path: string; readonly before?: TestSummary; readonly after?: TestSummary }

/**
 * Where a change weakens tests: files or tests that went, tests that no longer run, fewer assertions, another idea of
 * what `test` means. It counts, it does not understand: a renamed or moved test is no concern, and each of the others may
 * have a good reason.
 */
export function tamperConcerns(files: readonly ChangedFile[]): readonly Concern[] {
  const counted = files.map(({ path, before, after }): Counted => {
    const [was, is] = [before, after].map((text) => (text === undefined ? undefined : summariseTests(path, text)))
    return { path, ...(was === undefined ? {} : { before: was }), ...(is === undefined ? {} : { after: is }) }
  })
  return [...testConcerns(counted), ...files.flatMap(setupConcern)]
}

function testConcerns(counted: readonly Counted[]): readonly Concern[] {
  const arrivals = arrivedTests(counted)
  return counted.flatMap((file): readonly Concern[] => {
    const { path, before, after } = file
    const concerns: Concern[] = []
    const moved = before === undefined ? [] : takeMoved(lostNames(before, after), arrivals)
    const movedTo = new Set(moved.map(({ to }) => to))
    if (before !== undefined) {
      const lost = before.tests.length - (after?.tests.length ?? 0) - moved.length
      if (lost > 0) {
        const movedNames = new Set(moved.map(({ name }) => name))
        const names = lostNames(before, after).filter((name) => !movedNames.has(name))
        concerns.push({ kind: 'test-deleted', path, detail: `${tests(lost)} fewer${namesOf(names)}` })
      }
      const kept = [after, ...counted.filter((other) => movedTo.has(other.path)).map((other) => other.after)]
      const assertions = kept.reduce((sum, summary) => sum + (summary?.assertions ?? 0), 0)
      // Where tests went, their assertions went with them.
      if (lost <= 0 && assertions < before.assertions) {
        const detail = `${assertions} assertions, ${before.assertions} before`
        concerns.push({ kind: 'fewer-assertions', path, detail })
      }
      const skips = kept.reduce((sum, summary) => sum + (summary?.skips ?? 0), 0) - before.skips
      if (skips > 0) concerns.push({ kind: 'test-skipped', path, detail: `${skips} more marked as not to be run` })
    }
    const onlys = (after?.onlys ?? 0) - (before?.onlys ?? 0)
    if (onlys > 0) concerns.push({ kind: 'test-skipped', path, detail: 'an `only` keeps the other tests from running' })
    return concerns
  })
}

/**
 * Tests by name that files have now and had not before: there others may have moved to. The first file stands last, to be
 * taken first; a name may be there a million times.
 */
function arrivedTests(counted: readonly Counted[]): Map<string, string[]> {
  const arrivals = new Map<string, string[]>()
  for (const { path, before, after } of counted.toReversed()) {
    if (after === undefined) continue
    for (const name of lostNames(after, before)) {
      const paths = arrivals.get(name)
      if (paths === undefined) arrivals.set(name, [path])
      else paths.push(path)
    }
  }
  return arrivals
}

/** Names of `one` that `other` does not have, as often as they are missing. */
function lostNames(one: TestSummary, other: TestSummary | undefined): readonly string[] {
  const left = new Map<string, number>()
  for (const name of other?.tests ?? []) left.set(name, (left.get(name) ?? 0) + 1)
  return one.tests.filter((name) => {
    const count = left.get(name) ?? 0
    left.set(name, count - 1)
    return count <= 0
  })
}

/** Each arrival answers for one test that left; a name that left a file did not arrive there. */
function takeMoved(names: readonly string[], arrivals: Map<string, string[]>) {
  return names.flatMap((name) => {
    const to = arrivals.get(name)?.pop()
    return to === undefined ? [] : [{ name, to }]
  })
}

const RUNNER_SETTINGS =
  /^(?:(?:vitest|jest|playwright|cypress|karma|ava)\.(?:config|workspace)\..{1,10}|karma\.conf\..{1,5}|\.mocharc.{0,10}|pytest\.ini|tox\.ini|phpunit\.xml(?:\.dist)?|\.rspec)$/

/** What the test command runs may be changed in the repository itself. */
function setupConcern({ path, before, after }: ChangedFile): readonly Concern[] {
  if (before === undefined) return []
  const name = basename(path)
  if (RUNNER_SETTINGS.test(name)) {
    return [{ kind: 'test-setup-changed', path, detail: 'settings of the test runner' }]
  }
  if (name !== 'package.json') return []
  const [was, is] = [testScripts(before), testScripts(after ?? '')]
  const changed = Object.keys(was).filter((script) => was[script] !== is[script])
  return changed.length === 0
    ? []
    : [{ kind: 'test-setup-changed', path, detail: `the script${namesOf(changed, '')} is another one` }]
}

function testScripts(packageJson: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(packageJson)
    const scripts = isRecord(parsed) && isRecord(parsed.scripts) ? parsed.scripts : {}
    return Object.fromEntries(Object.entries(scripts).filter(([name]) => /^(?:pre|post)?test(?::|$)/.test(name)))
  } catch {
    // No JSON, no scripts; where there were some before, all of them are gone.
    return {}
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function tests(count: number): string {
  return count === 1 ? '1 test' : `${count} tests`
}

function namesOf(names: readonly string[], colon = ':'): string {
  const shown = names
    .filter((name) => name !== '')
    .slice(0, MAX_NAMES)
    .map((name) => `"${name.slice(0, MAX_NAME_CHARACTERS)}"`)
  if (shown.length === 0) return ''
  const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : ''
  return `${colon} ${shown.join(', ')}${more}`
}
