import { createInventoryBuilder, type TestStatus } from '../inventory.ts'
import { countsByWord, indentOf, type LineReader, pathOf, withoutDuration } from '../line-reader.ts'

const STATUS_OF: Readonly<Record<string, TestStatus>> = { '✓': 'passed', '✕': 'failed', '○': 'skipped', '✎': 'skipped' }
/** Headings between the failures that are no tests. */
const NO_TESTS = new Set(['Console', 'Test suite failed to run'])

/** Jest's reporters: failures always by name (`● suite › test`), all tests of a file where it is verbose or alone. */
export function createJestReader(): LineReader {
  const builder = createInventoryBuilder()
  const suites: { readonly indent: number; readonly name: string }[] = []
  let file: string | undefined
  let inTree = false
  let hasSummary = false

  function treeLine(text: string): void {
    const indent = indentOf(text)
    while ((suites.at(-1)?.indent ?? -1) >= indent) suites.pop()
    const trimmed = text.trimStart()
    const status = STATUS_OF[trimmed.charAt(0)]
    if (status === undefined || trimmed.charAt(1) !== ' ') {
      if (suites.length < 50) suites.push({ indent, name: trimmed })
      return
    }
    const name = withoutDuration(trimmed.slice(2)).replace(/^(?:skipped|todo) /, '')
    if (/^skipped \d+ tests?$/.test(trimmed.slice(2))) return
    const path = pathOf([file, ...suites.map((suite) => suite.name), name])
    if (status === 'failed') builder.addFailureOnce(path)
    else builder.add(path, status)
  }

  function failure(heading: string): void {
    if (heading === 'Test suite failed to run') {
      builder.addFailureOnce(file ?? heading)
      // Jest counts it among the suites, not among the tests.
      builder.count({ failed: 1 })
    }
    if (!NO_TESTS.has(heading)) builder.addFailureOnce(pathOf([file, ...heading.split(' › ')]))
  }

  return {
    line(text) {
      const total = /^Tests: {3,8}(.{1,300}), \d{1,9} total$/.exec(text)
      if (total?.[1] !== undefined) {
        const words = countsByWord(total[1].split(','))
        const of = (word: string) => words.get(word) ?? 0
        builder.count({ passed: of('passed'), failed: of('failed'), skipped: of('skipped') + of('todo') })
        hasSummary = true
      }
      const header = /^(?:PASS|FAIL) +(.{1,500})$/.exec(text)?.[1]
      if (header !== undefined) {
        file = withoutDuration(header)
        inTree = true
        suites.length = 0
        return
      }
      if (file === undefined) return
      const heading = /^ {2}● (.{1,1000})$/.exec(text)?.[1]
      if (heading !== undefined || text === '') inTree = false
      if (heading !== undefined) failure(heading)
      else if (inTree && text.startsWith('  ')) treeLine(text)
    },
    finish: () => (hasSummary ? builder.finish('jest') : undefined),
  }
}
