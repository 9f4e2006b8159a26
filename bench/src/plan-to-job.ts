import { closeSync, openSync, writeSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startService } from '@devbot/demo'
import { startRedis } from '@devbot/queue/testing'
import { type ChokidarOptions, watch } from 'chokidar'
import { watchJobs } from './processes/watch-jobs.ts'
import type { BenchResult } from './report/figure.ts'
import { printResult, say } from './report/print-result.ts'
import { median, percentile } from './report/statistics.ts'

const RUNS = 3
const PLANS_PER_RUN = 8
/** How long the watcher itself waits for a file to stay as it is (services/watcher, wait-until-stable.ts). */
const STABLE_MS = 120
/** Lets the one before it come to rest. */
const PAUSE_MS = 150
const INSTANCE = 'bench'

/**
 * From the last byte of a plan to its BullMQ job: the watcher as its own process on a real Redis. Beside it, in the
 * same run, the time until a bare chokidar notices the same file, and one that waits as long for the file to be complete.
 */
export async function measurePlanToJob(): Promise<BenchResult> {
  const ours: number[][] = []
  const bare: number[][] = []
  const patient: number[][] = []
  await using world = await startWorld()
  for (let run = 0; run < RUNS; run++) {
    for (const runs of [ours, bare, patient]) runs.push([])
    for (let plan = 0; plan < PLANS_PER_RUN; plan++) {
      const name = `plan-${run}-${plan}.md`
      for (const [runs, time] of [
        [bare, world.timeBare],
        [patient, world.timePatient],
        [ours, world.timePlan],
      ] as const) {
        runs[run]?.push(await time(name))
        await sleep(PAUSE_MS)
      }
    }
    say(
      `  run ${run + 1} of ${RUNS}: ${median(ours[run] ?? []).toFixed(0)} ms, bare ${median(bare[run] ?? []).toFixed(1)} ms`,
    )
  }
  const over = (runs: readonly (readonly number[])[], share: number) =>
    median(runs.map((values) => (share === 0.5 ? median(values) : percentile(values, share))))
  const figure = (name: string, share: number, baseline: { readonly what: string; readonly value: number }) => ({
    name,
    unit: 'ms' as const,
    ours: over(ours, share),
    baseline,
    design: 300,
  })
  const waiting = `chokidar, awaitWriteFinish ${STABLE_MS} ms`
  return {
    figures: [
      figure('plan written -> job, median', 0.5, { what: 'bare chokidar', value: over(bare, 0.5) }),
      figure('plan written -> job, median', 0.5, { what: waiting, value: over(patient, 0.5) }),
      figure('plan written -> job, p95', 0.95, { what: waiting, value: over(patient, 0.95) }),
    ],
    notes: [
      `plan -> job: ${RUNS} runs of ${PLANS_PER_RUN} plans one after the other, each timed from its last byte to BullMQ's "added"; ${STABLE_MS} ms of it is the wait for a file to be complete. The baselines only notice the file: nothing is read, checked or stored.`,
    ],
  }
}

async function startWorld() {
  await using parts = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'devbot-bench-'))
  parts.defer(() => rm(directory, { recursive: true, force: true }))
  const plans = join(directory, 'ai-docs')
  await mkdir(plans)
  const redis = await startRedis()
  parts.defer(() => redis.stop())
  const env = {
    REDIS_URL: redis.url,
    DEVBOT_INSTANCE: INSTANCE,
    REPO_NAME: 'octo-org/hello',
    AI_DOCS_DIR: plans,
    OPS_PORT: '0',
  }
  const watcher = await startService({ name: 'watcher', env, logFile: join(directory, 'watcher.log') })
  parts.defer(async () => void (await watcher.stop()))
  const jobs = await watchJobs(redis.url, INSTANCE)
  parts.defer(() => jobs.close())
  const bare = await openWatcher(join(directory, 'bare'), {})
  parts.defer(() => bare.close())
  const patient = await openWatcher(join(directory, 'patient'), {
    awaitWriteFinish: { stabilityThreshold: STABLE_MS, pollInterval: 20 },
  })
  parts.defer(() => patient.close())
  const owned = parts.move()
  return {
    timePlan: (name: string) => {
      const added = jobs.next('added').then(({ seenAt }) => seenAt)
      return timeFrom(writeNow(join(plans, name), planText(name)), added)
    },
    timeBare: (name: string) => bare.time(name),
    timePatient: (name: string) => patient.time(name),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function openWatcher(folder: string, options: ChokidarOptions) {
  await mkdir(folder)
  const watcher = watch(folder, { depth: 0, ignoreInitial: true, ...options })
  await new Promise<void>((resolve) => watcher.once('ready', () => resolve()))
  return {
    time: (name: string) => {
      const noticed = new Promise<number>((resolve) => watcher.once('add', () => resolve(performance.now())))
      return timeFrom(writeNow(join(folder, name), planText(name)), noticed)
    },
    close: () => watcher.close(),
  }
}

async function timeFrom(writtenAt: number, seen: Promise<number>): Promise<number> {
  return (await seen) - writtenAt
}

/** Synchronous, so that nothing else happens between the last byte and the clock. */
function writeNow(path: string, text: string): number {
  const file = openSync(path, 'wx')
  writeSync(file, text)
  closeSync(file)
  return performance.now()
}

function planText(name: string): string {
  return `---\ntitle: Plan ${name}\npriority: medium\ntags: [bench]\n---\n\n# Plan ${name}\n\n${'Do what is written here, and test it.\n'.repeat(50)}`
}

if (import.meta.main) await printResult(measurePlanToJob)
