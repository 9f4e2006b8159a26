import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root, runToEnd } from './run.mjs'

const MAX_FILES_TRIED_AGAIN = 3

/**
 * `npm test`: the checks, then every test. Ends with one line of totals. In CI a skipped test is a failure, because
 * nothing may be missing there.
 * @param {{ node: string, pnpm: string[], env: NodeJS.ProcessEnv }} tools
 * @param {string[]} args handed on to vitest
 * @param {string} [withoutDocker] why there are no containers; said again at the end, next to what was skipped for it
 * @returns {Promise<number>}
 */
export async function runTests(tools, args, withoutDocker) {
  const results = join(root, '.devbot', 'test-results.json')
  mkdirSync(join(root, '.devbot'), { recursive: true })
  rmSync(results, { force: true })
  const [node, ...pnpm] = tools.pnpm
  const check = await runToEnd(node, [...pnpm, 'run', 'check'], tools)
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${results}`]
  let tests = await runToEnd(tools.node, [vitest, 'run', ...reporters, ...args], tools)
  let files = readFiles(results)
  const again = filesToTryAgain(files)
  if (again.length > 0) {
    process.stdout.write(`tried a second time: ${again.join(', ')}\n`)
    tests = await runToEnd(tools.node, [vitest, 'run', ...reporters, ...again], tools)
    files = [...files.filter(({ name }) => !again.includes(name)), ...readFiles(results)]
  }
  return summarise(totalsOf(files), { check, tests, withoutDocker })
}

/**
 * Tests of the whole system share two cores with a dozen processes, and the tests of such a file build on each other: a
 * file of them that failed is tried a second time as a whole. More than a few files are no accident.
 * @param {{ name: string, status: string, assertionResults: { status: string }[] }[]} files
 * @returns {string[]}
 */
export function filesToTryAgain(files) {
  const failed = files.filter(
    ({ status, assertionResults }) => status === 'failed' || assertionResults.some((test) => test.status === 'failed'),
  )
  const areAllWhole = failed.every(({ name }) => name.endsWith('.e2e.test.ts'))
  return areAllWhole && failed.length <= MAX_FILES_TRIED_AGAIN ? failed.map(({ name }) => name) : []
}

function readFiles(path) {
  return JSON.parse(readFileSync(path, 'utf8')).testResults
}

function totalsOf(files) {
  const outcomes = files.flatMap((file) =>
    file.assertionResults.length > 0 ? file.assertionResults : [{ status: file.status, fullName: file.name }],
  )
  const withStatus = (...statuses) => outcomes.filter(({ status }) => statuses.includes(status))
  return {
    passed: withStatus('passed').length,
    failed: withStatus('failed'),
    skipped: withStatus('pending', 'skipped', 'todo', 'disabled'),
  }
}

function summarise({ passed, failed, skipped }, { check, tests, withoutDocker }) {
  for (const { fullName } of skipped) process.stdout.write(`skipped: ${fullName}\n`)
  for (const { fullName } of failed) process.stdout.write(`failed: ${fullName}\n`)
  if (withoutDocker !== undefined) process.stdout.write(`without Docker: ${withoutDocker}\n`)
  const forbidden = process.env.CI === 'true' ? skipped.length : 0
  // Something besides the tests: a setting of the runner, an error that no test caught.
  const outside = tests !== 0 && failed.length === 0 ? 1 : 0
  const problems = failed.length + (check === 0 ? 0 : 1) + forbidden + outside
  if (check !== 0) process.stdout.write('failed: pnpm check (format, lint, types, unused exports)\n')
  if (outside > 0) process.stdout.write('failed: the test runner reported an error outside the tests\n')
  if (forbidden > 0) process.stdout.write('failed: in CI nothing may be skipped\n')
  process.stdout.write(`${passed} passed, ${problems} failed, ${skipped.length - forbidden} skipped\n`)
  return problems === 0 ? 0 : 1
}
