import { blankText } from './blank-text.ts'
import { testLanguageOf } from './test-languages.ts'

/** What can be counted in a file of tests without running it. */
export type TestSummary = {
  /** Name by name, '' where a test has none that could be read; the same name may come several times. */
  readonly tests: readonly string[]
  readonly skips: number
  readonly onlys: number
  readonly assertions: number
}

/** Names that are looked at in one file. */
const MAX_TESTS = 10_000

/** Undefined for a file that holds no tests. */
export function summariseTests(path: string, source: string): TestSummary | undefined {
  const language = testLanguageOf(path)
  if (language === undefined) return undefined
  const { code, plain } = blankText(source, language.lexis)
  const tests: string[] = []
  for (const match of code.matchAll(language.tests)) {
    if (tests.length < MAX_TESTS) tests.push(match[1] ?? stringAfter(plain, match.index + match[0].length) ?? '')
  }
  const summary = {
    tests,
    skips: count(code, language.skips),
    onlys: language.onlys === undefined ? 0 : count(code, language.onlys),
    assertions: count(code, language.assertions),
  }
  // In a folder of tests there are files that only help, and in Rust any file may hold tests.
  return tests.length + summary.skips + summary.onlys + summary.assertions === 0 ? undefined : summary
}

function count(code: string, pattern: RegExp): number {
  let matches = 0
  for (const _match of code.matchAll(pattern)) matches += 1
  return matches
}

/** The text between the quotes that open here. */
function stringAfter(plain: string, from: number): string | undefined {
  const near = plain.slice(Math.max(0, from - 1), from + 400)
  return /^[^"'`\n]?\s{0,40}(["'`])((?:(?!\1)[^\\\n]|\\.){1,300})\1/.exec(near)?.[2]
}
