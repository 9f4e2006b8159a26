import { parseArgs } from 'node:util'
import { runCrashMatrix } from './crash-matrix/run-crash-matrix.ts'

const USAGE = `node e2e/src/crash-matrix.ts [--seed n] [--every k] [--points pattern[,pattern]] [--random n]

Kills the worker at every point of one story (plan, pull request, review, fix), one plan per point, and compares what is
left outside with an undisturbed run.
  --seed n      chooses points (--every) and moments (--random); printed, so that a run can be had again
  --every k     every k-th point only
  --points p    only points whose name contains one of these
  --random n    n more kills of worker, watcher and ingress at random moments
`
const MAX_POINTS = 3_000

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    every: { type: 'string', default: '1' },
    points: { type: 'string' },
    random: { type: 'string', default: '0' },
    help: { type: 'boolean', default: false },
  },
})
const say = (line: string) => process.stdout.write(`${line}\n`)
const [seed, every, randomKills] = [values.seed, values.every, values.random].map(Number)
if (values.help || !isWhole(seed, 0) || !isWhole(every, 1) || !isWhole(randomKills, 0)) {
  say(USAGE)
  process.exit(values.help ? 0 : 2)
}

const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => stopping.abort(new Error(`${signal}: the run was ended early`)))

say(`seed ${seed}`)
const patterns = values.points?.split(',')
const result = await runCrashMatrix({
  seed,
  every,
  randomKills,
  ...(patterns === undefined ? {} : { patterns }),
  maxPoints: MAX_POINTS,
  say,
  signal: stopping.signal,
})
const killed = result.plans.filter(({ point }) => point !== undefined)
const missed = killed.filter(({ reached }) => !reached)
const repeated = killed.map(({ repeatedCalls }) => repeatedCalls)
const failures = [
  ...result.problems,
  ...result.plans.flatMap(({ name, point, problems }) =>
    problems.map((problem) => `${point ?? 'no point'} (${name}): ${problem}`),
  ),
]
for (const failure of failures) say(`FAILED ${failure}`)
for (const { point } of missed) say(`not reached: ${point}`)
say(
  `${result.recorded.length} points recorded, ${killed.length} tried, ${missed.length} not reached, ${result.kills} kills, ` +
    `repeated model calls per kill: ${(repeated.reduce((sum, count) => sum + count, 0) / Math.max(1, killed.length)).toFixed(2)} ` +
    `(at most ${Math.max(0, ...repeated)}), ${failures.length} failures, ${result.seconds} s, seed ${seed}`,
)
process.exitCode = failures.length === 0 ? 0 : 1

function isWhole(value: number | undefined, least: number): value is number {
  return value !== undefined && Number.isSafeInteger(value) && value >= least
}
