import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Task } from '@devbot/contracts'
import { type Stack, startStack, waitFor } from '@devbot/demo'
import { makeDataDirectory } from './processes/data-directory.ts'
import { residentMegabytes } from './processes/process-facts.ts'
import { acceptPlan } from './processes/submit-task.ts'
import type { BenchResult } from './report/figure.ts'
import { printResult, say } from './report/print-result.ts'
import { median, medianFields } from './report/statistics.ts'

const ROUNDS = 3
const FURTHER_RUNS = 3
const SETTLE_MS = 2_000
const SAMPLE_EVERY_MS = 100
const SAMPLE_FOR_MS = 2_500

const FIELDS = ['empty', 'idle', 'oneRun', 'manyRuns', 'peak'] as const
type Measured = Readonly<Record<(typeof FIELDS)[number], number>>

/** Resident memory of the worker's process: idle, with one run under way, with several. A fresh process every time. */
export async function measureWorkerMemory(): Promise<BenchResult> {
  const rounds: Measured[] = []
  for (let round = 1; round <= ROUNDS; round++) {
    const measured = await measureWorker(round)
    rounds.push(measured)
    say(`  round ${round}: ${FIELDS.map((field) => `${field} ${measured[field].toFixed(0)} MB`).join(', ')}`)
  }
  const { empty, idle, oneRun, manyRuns, peak } = medianFields(rounds, FIELDS)
  const baseline = { what: 'empty Node process', value: empty }
  return {
    figures: [
      { name: 'worker memory, idle', unit: 'MB', ours: idle, baseline },
      { name: 'worker memory, one run', unit: 'MB', ours: oneRun, baseline, design: 140 },
      { name: 'worker memory, each further run', unit: 'MB', ours: (manyRuns - oneRun) / FURTHER_RUNS, design: 15 },
    ],
    notes: [
      `worker memory: VmRSS (10^6 bytes) of the worker's process without the sandbox's own; medians of ${ROUNDS} fresh workers, each idle for ${SETTLE_MS / 1000} s, then ${SAMPLE_FOR_MS / 1000} s within one slow run, then with ${FURTHER_RUNS} more beside it; the peak was ${peak.toFixed(0)} MB.`,
    ],
  }
}

async function measureWorker(round: number): Promise<Measured> {
  await using data = await makeDataDirectory()
  await using stack = await startStack({
    without: ['watcher', 'webhook-ingress'],
    env: { DEVBOT_DATA_DIR: data.path, WORKER_CONCURRENCY: String(1 + FURTHER_RUNS) },
  })
  const empty = await emptyProcessMegabytes()
  await sleep(SETTLE_MS)
  const idle = await sample(stack, SAMPLE_EVERY_MS)
  await startRuns(stack, 1, `round-${round}-first`)
  const oneRun = await sample(stack, SAMPLE_FOR_MS)
  await startRuns(stack, FURTHER_RUNS, `round-${round}-further`)
  const manyRuns = await sample(stack, SAMPLE_FOR_MS)
  const peak = Math.max(...oneRun, ...manyRuns)
  return { empty, idle: median(idle), oneRun: median(oneRun), manyRuns: median(manyRuns), peak }
}

/** Starts runs of twenty half-second turns and waits until each has had its first. */
async function startRuns(stack: Stack, count: number, name: string): Promise<void> {
  const tasks: Task[] = []
  for (let run = 1; run <= count; run++) {
    const text = `---\ntest: node -e 0\n---\n\n# ${name} ${run}\n\nreplay: slow\n`
    tasks.push(await acceptPlan(stack.ledger, { name: `${name}-${run}`, text }))
  }
  for (const task of tasks) {
    await waitFor(`${task.planPath} to have had a turn`, async () => {
      const progress = (await stack.ledger.listTasks(10)).find((listed) => listed.task.id === task.id)?.progress
      return progress !== undefined && progress.turn > 0
    })
  }
}

async function sample(stack: Stack, forMs: number): Promise<readonly number[]> {
  const samples: number[] = []
  const until = performance.now() + forMs
  do {
    samples.push(await residentMegabytes(stack.service('worker').pid()))
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
