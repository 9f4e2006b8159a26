import { createInventoryBuilder, type TestStatus } from '../inventory.ts'
import { countsByWord, indentOf, type LineReader, pathOf, withoutDuration } from '../line-reader.ts'

const STATUS_OF: Readonly<Record<string, TestStatus>> = {
  '✓': 'passed',
  '✔': 'passed',
  '×': 'failed',
  '✗': 'failed',
  '❯': 'failed',
  '↓': 'skipped',
  '□': 'skipped',
}
const FILE_LINE = /^(.{1,500}?) \((\d{1,7}) tests?(?: \| [^)]{1,200})?\)(?: .*)?$/
const PROJECT = /^\|[^|]{1,100}\| /

type Entry = { readonly indent: number; readonly name: string; readonly status: TestStatus }

/**
 * Vitest's reporters for people. The default one names the tests of a file only where one of them failed (and of the
 * only file); of the others it says how many there are, and the summary counts all.
 */
export function createVitestReader(): LineReader {
  const builder = createInventoryBuilder()
  const suites: { readonly indent: number; readonly name: string }[] = []
  let file: string | undefined
  /** A line of the tree is a suite when the next one is deeper, else a test. */
  let waiting: Entry | undefined
  let hasSummary = false

  function settle(nextIndent: number): void {
    if (waiting === undefined) return
    const { indent, name, status } = waiting
    waiting = undefined
    while ((suites.at(-1)?.indent ?? -1) >= indent) suites.pop()
    if (nextIndent > indent) {
      if (suites.length < 50) suites.push({ indent, name: name.replace(/ \(\d{1,7}\)$/, '') })
      return
    }
    builder.add(pathOf([file, ...suites.map((suite) => suite.name), name]), status)
  }

  function endOfFile(): void {
    settle(0)
    suites.length = 0
  }

  function fileLine(path: string, tests: number, status: TestStatus): void {
    endOfFile()
    file = path
    // A file that could not be loaded has no test that could fail, and the summary counts none.
    if (tests === 0 && status === 'failed') {
      builder.addFailureOnce(path)
      builder.count({ failed: 1 })
    }
  }

  return {
    line(text) {
      const total = /^ *Tests {2}(.{1,300}) \(\d{1,9}\)$/.exec(text)
      if (total?.[1] !== undefined) {
        endOfFile()
        file = undefined
        const words = countsByWord(total[1].split('|'))
        const of = (word: string) => words.get(word) ?? 0
        builder.count({ passed: of('passed'), failed: of('failed'), skipped: of('skipped') + of('todo') })
        hasSummary = true
        return
      }
      if (text.startsWith('⎯')) {
        endOfFile()
        file = undefined
      }
      const failure = /^ ?(?:FAIL) {2}(.{1,1000})$/.exec(text)?.[1]?.replace(PROJECT, '')
      if (failure?.includes(' > ') === true) builder.addFailureOnce(withoutDuration(failure))
      const trimmed = text.trimStart()
      const status = STATUS_OF[trimmed.charAt(0)]
      const indent = indentOf(text)
      if (status === undefined || trimmed.charAt(1) !== ' ') return
      const rest = trimmed.slice(2).replace(PROJECT, '')
      // A line at the margin is none of vitest's own: a test prints it.
      const found = indent === 1 ? FILE_LINE.exec(rest) : null
      if (found?.[1] !== undefined) fileLine(found[1], Number(found[2]), status)
      else if (indent === 1 && rest.includes(' > ')) builder.add(withoutDuration(rest), status)
      else if (indent > 1 && file !== undefined) {
        settle(indent)
        waiting = { indent, name: withoutDuration(rest), status }
      }
    },
    finish() {
      endOfFile()
      return hasSummary ? builder.finish('vitest') : undefined
    },
  }
}
