import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Task } from '@devbot/contracts'
import { waitFor } from '@devbot/demo'
import { type MeasuredWorker, startMeasuredWorker, waitForPullRequest } from './harness/measured-worker.ts'
import { type RecordedModel, startRecordedModel } from './harness/recorded-model.ts'
import { residentMegabytes } from './processes/process-facts.ts'
import type { BenchResult } from './report/figure.ts'
import { printResult, say } from './report/print-result.ts'
import { median, medianFields } from './report/statistics.ts'
import { LONG_TURNS, longTrajectory, slowTrajectory } from './worker-memory-trajectories.ts'

const ROUNDS = 5
const FURTHER_RUNS = 8
/** Two pods each, one with the agent and one with the tests before any change. */
const START_TIMEOUT_MS = 180_000
const SETTLE_MS = 2_000
const SAMPLE_EVERY_MS = 100
const SAMPLE_FOR_MS = 2_000
/** How much more there may be at the end of a long run than after its first turns, and what those are. */
const FLAT_MB = 10
const FIRST_TURNS = [20, 70] as const
const LAST_TURNS = [LONG_TURNS - 50, LONG_TURNS] as const

const FIELDS = ['empty', 'idle', 'oneRun', 'manyRuns', 'peak', 'early', 'late'] as const
type Measured = Readonly<Record<(typeof FIELDS)[number], number>>

/**
 * Resident memory of the worker's process, started as compose starts it, with sandboxes in containers: idle, over a long
 * run, with one run, with several. A fresh process every time.
 */
export async function measureWorkerMemory(): Promise<BenchResult> {
  const rounds: Measured[] = []
  for (let round = 1; round <= ROUNDS; round++) {
    const measured = await measureWorker(round)
    rounds.push(measured)
    say(`  round ${round}: ${FIELDS.map((field) => `${field} ${measured[field].toFixed(0)} MB`).join(', ')}`)
  }
  const { empty, idle, oneRun, manyRuns, peak, early, late } = medianFields(rounds, FIELDS)
  const baseline = { what: 'empty Node process', value: empty }
  return {
    figures: [
      { name: 'worker memory, idle', unit: 'MB', ours: idle, baseline },
      { name: 'worker memory, one run', unit: 'MB', ours: oneRun, baseline, design: 140 },
      {
        name: `worker memory, each of ${FURTHER_RUNS} further runs`,
        unit: 'MB',
        ours: (manyRuns - oneRun) / FURTHER_RUNS,
        design: 15,
      },
      {
        name: `worker memory, growth from turns ${FIRST_TURNS.join('-')} to ${LAST_TURNS.join('-')}`,
        unit: 'MB',
        ours: late - early,
        design: FLAT_MB,
      },
    ],
    notes: [
      `worker memory: VmRSS (10^6 bytes) of the worker's process with compose's options of Node and a warm compile cache as in the image, gate and containers apart; medians of ${ROUNDS} fresh workers, each idle for ${SETTLE_MS / 1000} s, then within one slow run, then with ${FURTHER_RUNS} more beside it; the peak was ${peak.toFixed(0)} MB. Over a run of ${LONG_TURNS} turns alone in a fresh worker: ${early.toFixed(0)} MB after its first turns, ${late.toFixed(0)} at its end; "flat" is taken as ${FLAT_MB} MB at most.`,
    ],
  }
}

async function measureWorker(round: number): Promise<Measured> {
  const model = await startRecordedModel([slowTrajectory, longTrajectory], { keep: false })
  try {
    const empty = await emptyProcessMegabytes()
    const long = await withWorker(model, (worker) => measureLongRun(worker, model, round))
    const runs = await withWorker(model, (worker) => measureRuns(worker, round))
    return { empty, ...long, ...runs }
  } finally {
    await model.stop()
  }
}

async function withWorker<T>(model: RecordedModel, measure: (worker: MeasuredWorker) => Promise<T>): Promise<T> {
  await using worker = await startMeasuredWorker(model, {
    WORKER_CONCURRENCY: String(1 + FURTHER_RUNS),
    MAX_TURNS: String(LONG_TURNS + 10),
    MAX_COST_USD: '1000',
    MAX_COST_USD_PER_DAY: '10000',
  })
  return await measure(worker)
}

async function measureRuns({ stack, submit }: MeasuredWorker, round: number) {
  const pid = stack.service('worker').pid()
  await sleep(SETTLE_MS)
  const idle = await residentMegabytes(pid)
  await startRuns({ stack, submit }, 1, `round-${round}-first`)
  const oneRun = await sample(pid)
  await startRuns({ stack, submit }, FURTHER_RUNS, `round-${round}-further`)
  const manyRuns = await sample(pid)
  return { idle, oneRun: median(oneRun), manyRuns: median(manyRuns), peak: Math.max(...oneRun, ...manyRuns) }
}

/** Starts runs of slow turns and waits until each has had its first. */
async function startRuns(
  { stack, submit }: Pick<MeasuredWorker, 'stack' | 'submit'>,
  count: number,
  name: string,
): Promise<void> {
  const tasks: Task[] = []
  for (let run = 1; run <= count; run++)
    tasks.push(await submit(`${name}-${run}`, `# ${name} ${run}\n\n${slowTrajectory.match}\n`))
  for (const task of tasks) {
    await waitFor(
      `${task.planPath} to have had two turns`,
      async () => {
        const progress = (await stack.ledger.listTasks(20)).find((listed) => listed.task.id === task.id)?.progress
        return progress !== undefined && progress.turn > 1
      },
      { timeoutMs: START_TIMEOUT_MS },
    )
  }
}

async function measureLongRun({ stack, submit }: MeasuredWorker, model: RecordedModel, round: number) {
  const pid = stack.service('worker').pid()
  const samples: { readonly turn: number; readonly megabytes: number }[] = []
  model.forget()
  const task = await submit(`long-${round}`, `# Long ${round}\n\n${longTrajectory.match}\n`)
  const ended = waitForPullRequest(stack, task).then(() => true)
  while (!(await Promise.race([ended, sleep(SAMPLE_EVERY_MS / 4, false)]))) {
    samples.push({ turn: model.billed().length, megabytes: await residentMegabytes(pid) })
  }
  const within = ([from, to]: readonly [number, number]) =>
    median(samples.filter(({ turn }) => turn >= from && turn <= to).map(({ megabytes }) => megabytes))
  return { early: within(FIRST_TURNS), late: within(LAST_TURNS) }
}

async function sample(pid: number | undefined): Promise<readonly number[]> {
  const samples: number[] = []
  const until = performance.now() + SAMPLE_FOR_MS
  do {
    samples.push(await residentMegabytes(pid))
    await sleep(SAMPLE_EVERY_MS)
  } while (performance.now() < until)
  return samples
}

async function emptyProcessMegabytes(): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore' })
  try {
    await sleep(300)
    return await residentMegabytes(child.pid)
  } finally {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
}

if (import.meta.main) await printResult(measureWorkerMemory)
