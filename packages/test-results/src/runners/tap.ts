import { createInventoryBuilder } from '../inventory.ts'
import { indentOf, type LineReader, pathOf } from '../line-reader.ts'

type Subtest = { readonly indent: number; readonly name: string; hasChildren: boolean; failedInside: boolean }

/** The Test Anything Protocol, as `node --test --test-reporter=tap` and others print it. */
export function createTapReader(): LineReader {
  const builder = createInventoryBuilder()
  const open: Subtest[] = []
  let isTap = false
  let hasNodeSummary = false
  let suites = 0

  function result(indent: number, failed: boolean, text: string): void {
    const note = / # (?:SKIP|TODO)\b/i.exec(text)
    const name = (note === null ? text : text.slice(0, note.index)).replace(/ # time=.*$/, '')
    while ((open.at(-1)?.indent ?? -1) > indent) open.pop()
    const subtest = open.at(-1)?.indent === indent ? open.pop() : undefined
    if (subtest?.hasChildren === true) {
      suites += 1
      if (!failed || subtest.failedInside) return
    }
    for (const parent of open) {
      parent.hasChildren = true
      if (failed) parent.failedInside = true
    }
    const path = pathOf([...open.map((parent) => parent.name), name])
    builder.add(path, note !== null ? 'skipped' : failed ? 'failed' : 'passed')
  }

  return {
    line(text) {
      if (/^TAP version \d+$/.test(text)) isTap = true
      if (!isTap) return
      const total = /^# (pass|fail|cancelled|skipped|todo) (\d{1,9})$/.exec(text)
      if (total !== null) {
        const status =
          total[1] === 'pass' ? 'passed' : total[1] === 'fail' || total[1] === 'cancelled' ? 'failed' : 'skipped'
        builder.count({ [status]: Number(total[2]) })
        hasNodeSummary = true
        return
      }
      const line = text.trimStart()
      if (line.startsWith('# Subtest: ')) {
        const indent = indentOf(text)
        while ((open.at(-1)?.indent ?? -1) >= indent) open.pop()
        if (open.length < 50) open.push({ indent, name: line.slice(11), hasChildren: false, failedInside: false })
        return
      }
      const found = /^(not )?ok(?: \d{1,9})?(?: -)? (?=\S)/.exec(line)
      // A line that ends with a brace opens the block of its own subtests; those are what counts.
      if (found !== null && !line.endsWith(' {'))
        result(indentOf(text), found[1] !== undefined, line.slice(found[0].length))
    },
    finish: () =>
      isTap ? builder.finish(hasNodeSummary ? 'node' : 'tap', { uncertain: suites, passesNamed: true }) : undefined,
  }
}
