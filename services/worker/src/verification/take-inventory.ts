import { randomBytes } from 'node:crypto'
import type { ExecResult } from '@devbot/contracts'
import type { Sandbox } from '@devbot/sandbox'
import { readInventory, readJunitXml, type TestInventory } from '@devbot/test-results'
import type { CheckInput } from '../stages/check.ts'

/** All report files together; a suite of 10,000 tests writes about 2 MB. */
const MAX_REPORT_BYTES = 4 * 1024 ** 2
const READ_TIMEOUT_MS = 30_000

/** Where runners write JUnit XML when nobody says otherwise: Surefire, Failsafe, Gradle, and what people call it. */
const PLACES = [
  "-path '*/surefire-reports/*.xml'",
  "-path '*/failsafe-reports/*.xml'",
  "-path '*/test-results/*.xml'",
  "-path '*/test-reports/*.xml'",
  "-path '*/TestResults/*.xml'",
  "-name 'junit*.xml'",
  "-name 'test-results.xml'",
  "-name 'phpunit*.xml'",
].join(' -o ')

/**
 * What the runner told of its tests: printed, or else written to files by this run. Undefined: an unknown runner. Whatever
 * ran in the sandbox could have written both; they explain the exit code and decide nothing.
 */
export async function takeInventory(
  sandbox: Sandbox,
  result: ExecResult,
  input: Pick<CheckInput, 'store' | 'treeId' | 'plan' | 'signal'>,
): Promise<TestInventory | undefined> {
  const printed = readInventory(result.output)
  if (printed !== undefined || result.exitCode === undefined) return printed
  const mark = randomBytes(16).toString('hex')
  const found = await sandbox.run(readReports(mark), {
    timeoutMs: READ_TIMEOUT_MS,
    maxOutputBytes: MAX_REPORT_BYTES,
    signal: input.signal,
    ...(input.plan.workdir === undefined ? {} : { cwd: input.plan.workdir }),
  })
  const reports = splitReports(Buffer.from(found.output).toString('utf8'), mark)
  if (reports.length === 0) return undefined
  // A report that lies in the repository was not written by this run.
  const folder = input.plan.workdir === undefined ? '' : `${input.plan.workdir}/`
  const tracked = new Set((await input.store.listTree(input.treeId)).map(({ path }) => path))
  const written = reports.filter(({ path }) => !tracked.has(`${folder}${path}`))
  return readJunitXml(written.map(({ text }) => text))
}

/** Prints each report after a line with the mark and its path. */
function readReports(mark: string): string {
  return `find . \\( -name node_modules -o -name .git \\) -prune -o -type f -size -4096k \\( ${PLACES} \\) -print 2>/dev/null | head -n 1000 | while IFS= read -r file; do printf '\\n%s %s\\n' ${mark} "$file"; cat "$file"; done`
}

function splitReports(output: string, mark: string): readonly { readonly path: string; readonly text: string }[] {
  return output
    .split(`\n${mark} ./`)
    .slice(1)
    .map((part) => {
      const end = part.indexOf('\n')
      return end === -1 ? { path: part, text: '' } : { path: part.slice(0, end), text: part.slice(end + 1) }
    })
}
