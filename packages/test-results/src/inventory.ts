export type TestStatus = 'passed' | 'failed' | 'skipped'
export type TestCounts = { readonly passed: number; readonly failed: number; readonly skipped: number }

/** What a runner told of its tests. It was printed inside a sandbox: it explains an exit code, it never replaces one. */
export type TestInventory = {
  /** Whose output it is: `node`, `tap`, `vitest`, `jest`, `pytest`, `go`, `go (packages)`, `cargo`, `junit`. */
  readonly runner: string
  /** By name; where a runner prints files or packages, they stand before the name, with ` > ` between. */
  readonly tests: ReadonlyMap<string, TestStatus>
  /** The runner's own counts where it gives some, else of the names. */
  readonly counts: TestCounts
  /** Whether `counts` are all there were; false where a runner neither counts nor names what passed. */
  readonly counted: boolean
  /** Whether every test has its name here. */
  readonly complete: boolean
  /** Whether at least every failed test has. */
  readonly failuresNamed: boolean
}

/** Tests that are kept by name; what comes after them only shows in the runner's counts. */
const MAX_TESTS = 20_000
const MAX_NAME_CHARACTERS = 300

/** Collects tests while output is read, in bounded memory. */
export type InventoryBuilder = {
  /** The same name again is another test: a number tells them apart. */
  add(name: string, status: TestStatus): void
  /** A failure told once more, or only in a summary: the test is there once. */
  addFailureOnce(name: string): void
  /** Adds to the runner's own counts; called once for each of its summaries. */
  count(counts: Partial<TestCounts>): void
  /** Undefined when nothing was told. */
  finish(
    runner: string,
    told?: {
      /** Named results that the runner may or may not have counted as tests: suites. */
      readonly uncertain?: number
      /** Without counts: whether what passed was named. */
      readonly passesNamed?: boolean
    },
  ): TestInventory | undefined
}

export function createInventoryBuilder(): InventoryBuilder {
  const tests = new Map<string, TestStatus>()
  const named = { passed: 0, failed: 0, skipped: 0 }
  const repeats = new Map<string, number>()
  let counts: { passed: number; failed: number; skipped: number } | undefined
  let leftOut = 0

  function put(name: string, status: TestStatus): void {
    if (tests.size >= MAX_TESTS) {
      leftOut += 1
      return
    }
    tests.set(name, status)
    named[status] += 1
  }

  return {
    add(rawName, status) {
      if (tests.size >= MAX_TESTS) {
        leftOut += 1
        return
      }
      const name = printableName(rawName)
      const repeat = (repeats.get(name) ?? 0) + 1
      if (repeats.size < MAX_TESTS) repeats.set(name, repeat)
      put(repeat === 1 ? name : `${name} #${repeat}`, status)
    },
    addFailureOnce(rawName) {
      const name = printableName(rawName)
      if (!tests.has(name)) {
        repeats.set(name, 1)
        put(name, 'failed')
      }
    },
    count(more) {
      counts ??= { passed: 0, failed: 0, skipped: 0 }
      for (const status of ['passed', 'failed', 'skipped'] as const) counts[status] += more[status] ?? 0
    },
    finish(runner, told = {}) {
      if (counts === undefined && tests.size === 0) return undefined
      const namedTotal = tests.size
      const total = counts === undefined ? namedTotal : counts.passed + counts.failed + counts.skipped
      const passesNamed = counts === undefined ? told.passesNamed === true : true
      const agree = namedTotal <= total && total <= namedTotal + (told.uncertain ?? 0)
      return {
        runner,
        tests,
        counts: counts ?? named,
        counted: passesNamed && leftOut === 0,
        complete: passesNamed && agree && leftOut === 0,
        failuresNamed: leftOut === 0 && named.failed >= (counts?.failed ?? 0),
      }
    },
  }
}

/** A name as one short line that can be shown: without control, invisible and unassigned characters. */
function printableName(name: string): string {
  const line = name
    .slice(0, 4 * MAX_NAME_CHARACTERS)
    .toWellFormed()
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .replace(/[\p{Cf}\p{Co}\p{Cn}]/gu, '?')
    .trim()
  return line === '' ? '(no name)' : line.slice(0, MAX_NAME_CHARACTERS).toWellFormed()
}
