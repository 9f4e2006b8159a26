import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root, runToEnd } from './run.mjs'

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
  const tests = await runToEnd(tools.node, [vitest, 'run', ...reporters, ...args], tools)
  return summarise(readTotals(results), { check, tests, withoutDocker })
}

function readTotals(path) {
  const report = JSON.parse(readFileSync(path, 'utf8'))
  const outcomes = report.testResults.flatMap((file) =>
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
