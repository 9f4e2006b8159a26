import { createInventoryBuilder, type TestStatus } from '../inventory.ts'
import type { LineReader } from '../line-reader.ts'

const STATUS_OF: Readonly<Record<string, TestStatus>> = { PASS: 'passed', FAIL: 'failed', SKIP: 'skipped' }
/** Results that wait for the line that names their package. */
const MAX_WAITING = 20_000

/**
 * `go test`. Plain: what failed by name, of a package that passed only that it did (`-v`: all by name). The package
 * comes after its tests. Go counts nothing itself.
 */
export function createGoReader(): LineReader {
  const builder = createInventoryBuilder()
  let waiting: { readonly name: string; readonly status: TestStatus }[] = []
  let packages = 0
  let isVerbose = false
  let onlyPackages = 0

  function packageEnded(name: string, status: TestStatus): void {
    packages += 1
    for (const test of waiting) builder.add(`${name} > ${test.name}`, test.status)
    const explained = waiting.length > 0 && (status === 'passed' || waiting.some((test) => test.status === 'failed'))
    if (!explained) {
      builder.add(name, status)
      onlyPackages += 1
    } else if (!isVerbose) onlyPackages += 1
    waiting = []
  }

  return {
    line(text) {
      if (text.startsWith('=== RUN   ')) isVerbose = true
      const found = /^ {0,200}--- (PASS|FAIL|SKIP): (.{1,1000}) \(\d{1,9}\.\d\ds\)$/.exec(text)
      const status = STATUS_OF[found?.[1] ?? '']
      if (found?.[2] !== undefined && status !== undefined) {
        if (waiting.length < MAX_WAITING) waiting.push({ name: found[2], status })
        return
      }
      const ended = /^(ok {2}|FAIL)\t([^\t ]{1,500})(?:\t| \[)/.exec(text)
      if (ended?.[2] !== undefined) packageEnded(ended[2], ended[1] === 'FAIL' ? 'failed' : 'passed')
    },
    finish() {
      if (packages === 0) return undefined
      return onlyPackages === 0 ? builder.finish('go', { passesNamed: true }) : builder.finish('go (packages)')
    },
  }
}

/** `go test -json`: one event per line. */
export function createGoJsonReader(): LineReader {
  const builder = createInventoryBuilder()
  const failedInside = new Set<string>()
  let events = 0

  function event({ Action: action, Package: name, Test: test }: Readonly<Record<string, unknown>>): void {
    if (typeof action !== 'string' || typeof name !== 'string') return
    events += 1
    const status = STATUS_OF[action.toUpperCase()]
    if (status === undefined) return
    if (typeof test === 'string') {
      if (status === 'failed' && failedInside.size < MAX_WAITING) failedInside.add(name)
      builder.add(`${name} > ${test}`, status)
    } else if (status === 'failed' && !failedInside.has(name)) builder.add(name, 'failed')
  }

  return {
    line(text) {
      if (!text.startsWith('{"') || !text.includes('"Action":') || !text.includes('"Package":')) return
      try {
        const parsed: unknown = JSON.parse(text)
        if (typeof parsed === 'object' && parsed !== null) event({ ...parsed })
      } catch {
        // A line that was cut, or is no event: it tells nothing.
      }
    },
    finish: () => (events > 0 ? builder.finish('go', { passesNamed: true }) : undefined),
  }
}
