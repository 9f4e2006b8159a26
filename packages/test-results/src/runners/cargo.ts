import { createInventoryBuilder } from '../inventory.ts'
import type { LineReader } from '../line-reader.ts'

/** `cargo test`: every test by name below the target it belongs to, then `test result:` with counts. */
export function createCargoReader(): LineReader {
  const builder = createInventoryBuilder()
  let target: string | undefined
  let repeatsFailures = false
  let hasSummary = false

  return {
    line(text) {
      const running = /^ +(?:Running (?:unittests )?|Doc-tests )([^(]{1,500}?)(?: \(.*)?$/.exec(text)?.[1]
      if (running !== undefined) {
        target = running
        repeatsFailures = false
        return
      }
      // From here on it shows what failed tests printed, which may look like anything.
      if (text === 'failures:') repeatsFailures = true
      const total = /^test result: \w{1,20}\. (\d{1,9}) passed; (\d{1,9}) failed; (\d{1,9}) ignored;/.exec(text)
      if (total !== null) {
        builder.count({ passed: Number(total[1]), failed: Number(total[2]), skipped: Number(total[3]) })
        hasSummary = true
        repeatsFailures = false
        return
      }
      if (repeatsFailures || !text.startsWith('test ')) return
      const at = text.lastIndexOf(' ... ')
      const end = at === -1 ? '' : text.slice(at + 5)
      const status =
        end === 'ok' ? 'passed' : end === 'FAILED' ? 'failed' : /^ignored\b/.test(end) ? 'skipped' : undefined
      const name = text.slice(5, at).replace(/ - should panic$/, '')
      if (status !== undefined) builder.add(target === undefined ? name : `${target} > ${name}`, status)
    },
    finish: () => (hasSummary ? builder.finish('cargo') : undefined),
  }
}
