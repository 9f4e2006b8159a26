import { createInventoryBuilder, type TestStatus } from '../inventory.ts'
import { indentOf, type LineReader, pathOf, withoutDuration } from '../line-reader.ts'

type Suite = { readonly indent: number; readonly name: string; failedInside: boolean }

/** `node --test` as it prints to people (reporter `spec`): a tree of signs, then `ℹ tests 12` and the like. */
export function createNodeSpecReader(): LineReader {
  const builder = createInventoryBuilder()
  const open: Suite[] = []
  let suites = 0
  let hasSummary = false
  let repeatsFailures = false

  function result(indent: number, sign: string, text: string): void {
    const note = / # (?:SKIP|TODO)\b/.exec(text)
    const name = withoutDuration(note === null ? text : text.slice(0, note.index))
    while ((open.at(-1)?.indent ?? -1) > indent) open.pop()
    const suite = open.at(-1)
    if (suite?.indent === indent) {
      open.pop()
      if (suite.name === name) {
        // A suite fails with a test in it, or by itself: then nothing else tells.
        if (sign === '✖' && !suite.failedInside) builder.add(path(name), 'failed')
        return
      }
    }
    if (sign === '✖') for (const parent of open) parent.failedInside = true
    const status: TestStatus = note !== null || sign === '﹣' ? 'skipped' : sign === '✖' ? 'failed' : 'passed'
    builder.add(path(name), status)
  }

  function path(name: string): string {
    return pathOf([...open.map((suite) => suite.name), name])
  }

  return {
    line(text) {
      const total = /^ℹ (pass|fail|cancelled|skipped|todo) (\d{1,9})$/.exec(text)
      if (total !== null) {
        const status =
          total[1] === 'pass' ? 'passed' : total[1] === 'fail' || total[1] === 'cancelled' ? 'failed' : 'skipped'
        builder.count({ [status]: Number(total[2]) })
        hasSummary = true
        return
      }
      if (text === '✖ failing tests:') repeatsFailures = true
      const sign = text.trimStart().slice(0, 2)
      if (!/^[✔✖﹣▶⚠] $/.test(sign)) return
      if (repeatsFailures && sign !== '✔ ' && sign !== '▶ ') return
      repeatsFailures = false
      const indent = indentOf(text)
      const rest = text.trimStart().slice(2)
      if (sign !== '▶ ') {
        result(indent, sign.trim(), rest)
        return
      }
      while ((open.at(-1)?.indent ?? -1) >= indent) open.pop()
      suites += 1
      // Deeper than anybody nests; output made to be deep costs no more than this.
      if (open.length < 50) open.push({ indent, name: withoutDuration(rest), failedInside: false })
    },
    finish: () => (hasSummary ? builder.finish('node', { uncertain: suites }) : undefined),
  }
}
