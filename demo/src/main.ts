import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runDemo } from './demo.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const keepOpen = process.argv.includes('--keep')
const interrupted = new AbortController()
// Both the terminal and the launcher may send it: the second one must not cut short what the first began.
process.on('SIGINT', () => interrupted.abort())
process.on('SIGTERM', () => interrupted.abort())

try {
  await runDemo({
    directory: join(root, '.devbot', 'demo'),
    print: (line) => process.stdout.write(`${line}\n`),
    signal: interrupted.signal,
    ...(keepOpen ? { pause: untilInterrupted } : {}),
  })
  process.stdout.write('\nDone: a plan became a reviewed pull request. Everything that was started has been stopped.\n')
} catch (error) {
  const why = interrupted.signal.aborted ? 'interrupted; everything that was started has been stopped' : String(error)
  process.stderr.write(`\nThe demo did not end well: ${why}\n`)
  process.exitCode = interrupted.signal.aborted ? 130 : 1
}

async function untilInterrupted(command: string): Promise<void> {
  process.stdout.write(
    `\nEverything keeps running: open the addresses above in a browser, drop another plan of demo/plans into the plan folder, or look with\n  ${command}\nCtrl-C ends it.\n`,
  )
  if (!interrupted.signal.aborted) await once(interrupted.signal, 'abort')
}
