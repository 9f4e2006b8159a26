import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runDemo } from './demo.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const keepOpen = process.argv.includes('--keep')

try {
  await runDemo({
    directory: join(root, '.devbot', 'demo'),
    print: (line) => process.stdout.write(`${line}\n`),
    ...(keepOpen ? { pause: untilInterrupted } : {}),
  })
  process.stdout.write('\nDone: a plan became a reviewed pull request. Everything that was started has been stopped.\n')
} catch (error) {
  process.stderr.write(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

async function untilInterrupted(): Promise<void> {
  process.stdout.write('\nEverything keeps running: open the addresses above in a browser. Ctrl-C ends it.\n')
  await once(process, 'SIGINT')
}
