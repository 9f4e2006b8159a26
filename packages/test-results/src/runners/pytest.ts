import { createInventoryBuilder, type TestStatus } from '../inventory.ts'
import { countsByWord, type LineReader } from '../line-reader.ts'

/** An expected failure says nothing about the change: it counts as skipped. */
const STATUS_OF: Readonly<Record<string, TestStatus>> = {
  PASSED: 'passed',
  XPASS: 'passed',
  FAILED: 'failed',
  ERROR: 'failed',
  SKIPPED: 'skipped',
  XFAIL: 'skipped',
}
const WORDS = Object.keys(STATUS_OF)

/** pytest: `-v` names all tests, the short summary at the end names what failed (`-rA`: all), the last line counts. */
export function createPytestReader(): LineReader {
  const builder = createInventoryBuilder()
  const named = new Set<string>()
  let inSummary = false
  let hasSummary = false

  function add(name: string, status: TestStatus): void {
    if (named.has(name)) return
    // A name that is told in the list and in the summary is one test; beyond the builder's own limit nothing is added.
    if (named.size < 50_000) named.add(name)
    builder.add(name, status)
  }

  return {
    line(text) {
      if (/^=+ short test summary info =+$/.test(text)) inSummary = true
      const end = /^=* ?(\d[a-z0-9, ]{1,300}) in \d{1,9}\.\d\ds/.exec(text)
      if (end?.[1] !== undefined) {
        const words = countsByWord(end[1].split(','))
        const of = (word: string) => words.get(word) ?? 0
        builder.count({
          passed: of('passed') + of('xpassed'),
          failed: of('failed') + of('error') + of('errors'),
          skipped: of('skipped') + of('xfailed'),
        })
        hasSummary = true
        inSummary = false
        return
      }
      const found = inSummary ? summaryLine(text) : verboseLine(text)
      if (found !== undefined) add(found.name, found.status)
    },
    finish: () => (hasSummary ? builder.finish('pytest') : undefined),
  }
}

type Told = { readonly name: string; readonly status: TestStatus }

/** `FAILED tests/test_a.py::test_b - assert 1 == 2`; skipped ones are told by their place, not by name. */
function summaryLine(text: string): Told | undefined {
  const space = text.indexOf(' ')
  const word = text.slice(0, space)
  const status = STATUS_OF[word]
  if (status === undefined || word === 'SKIPPED') return undefined
  const reason = text.indexOf(' - ', space)
  return { name: text.slice(space + 1, reason === -1 ? undefined : reason), status }
}

/** `tests/test_a.py::test_b PASSED    [ 12%]`, and with xdist `[gw0] [ 12%] PASSED tests/test_a.py::test_b`. */
function verboseLine(text: string): Told | undefined {
  const parallel = /^\[gw\d{1,4}\] \[ *\d{1,3}%\] ([A-Z]{5,7}) (.*::.*)$/.exec(text)
  if (parallel?.[1] !== undefined && parallel[2] !== undefined) {
    const status = STATUS_OF[parallel[1]]
    return status === undefined ? undefined : { name: parallel[2].trim(), status }
  }
  if (!text.includes('::') || !/\[ *\d{1,3}%\]$/.test(text)) return undefined
  const [at, word] = WORDS.map((known) => [text.lastIndexOf(` ${known} `), known] as const).reduce((one, other) =>
    other[0] > one[0] ? other : one,
  )
  const status = STATUS_OF[word]
  return at <= 0 || status === undefined ? undefined : { name: text.slice(0, at), status }
}
