import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type ServiceName, type Stack, startStack, waitFor } from '@devbot/demo'
import { residentMegabytes } from './processes/process-facts.ts'
import { disposeWhenInterrupted } from './processes/when-interrupted.ts'
import { composedEnvironment, composedNodeOptions, warmCompileCache } from './processes/worker-as-composed.ts'
import type { BenchResult } from './report/figure.ts'
import { printResult, say } from './report/print-result.ts'
import { median } from './report/statistics.ts'

const PLANS = 1_000
/** Of these, every plan with a number divisible by it is saved five times. */
const SAVED_OFTEN = 5
const WORKED_MINUTES = Number(process.env.BENCH_MINUTES ?? 5)
const SAMPLE_MS = 1_000
/** More than this is no noise of a garbage collector any more. */
const FLAT_MB = 20

const cli = fileURLToPath(new URL('../../services/cli/src/main.ts', import.meta.url))

/**
 * A thousand plans dropped at once, two hundred of them five times, the watcher killed in the middle; then the worker
 * takes them up, on the process driver, for some minutes. Looked at: tasks, time to accept, memory of both services.
 */
export async function measurePlanBurst(): Promise<BenchResult> {
  await using parts = new AsyncDisposableStack()
  disposeWhenInterrupted(parts)
  const compileCache = await mkdtemp(join(tmpdir(), 'devbot-bench-'))
  parts.defer(() => rm(compileCache, { recursive: true, force: true }))
  await warmCompileCache(compileCache)
  const stack = parts.use(
    await startStack({
      sandbox: 'process',
      webhooks: false,
      without: ['worker', 'webhook-ingress'],
      nodeOptions: { worker: await composedNodeOptions() },
      env: { ...composedEnvironment(compileCache), WORKER_CONCURRENCY: '4' },
      trajectories: [
        {
          name: 'nothing',
          match: 'replay: nothing',
          repeatLast: true,
          turns: [{ calls: [{ tool: 'finish', input: { title: 'Nothing', summary: 'There is nothing to change.' } }] }],
        },
      ],
    }),
  )
  const accepted = await acceptAll(stack)
  say(`  ${accepted.tasks} tasks after ${(accepted.tookMs / 1000).toFixed(1)} s, ${accepted.held} of them held`)
  if (accepted.held > 0) await startHeld(stack)
  const worked = await workOff(stack)
  say(`  ${worked.ended} ended in ${WORKED_MINUTES} min at most`)
  const { tasks } = await countTasks(stack)
  return {
    figures: [
      { name: `tasks of ${PLANS} plans`, unit: '', ours: tasks, design: PLANS },
      { name: 'plans accepted, with the kill', unit: '/s', ours: (PLANS / accepted.tookMs) * 1000 },
      { name: 'watcher, growth over the burst', unit: 'MB', ours: accepted.grownMb, design: FLAT_MB },
      {
        name: 'watcher, highest',
        unit: 'MB',
        ours: accepted.highestMb,
        baseline: { what: 'idle', value: accepted.idleMb },
      },
      { name: `tasks ended in ${WORKED_MINUTES} min`, unit: '', ours: worked.ended },
      { name: 'worker, last third over first', unit: 'MB', ours: worked.grownMb, design: FLAT_MB },
      { name: 'worker, highest', unit: 'MB', ours: worked.highestMb },
    ],
    notes: [
      `burst: ${PLANS} plans written at once, ${PLANS / SAVED_OFTEN} of them four times more, the watcher killed (SIGKILL) and started again among them. Memory once a second; the watcher's growth is from the restarted one's first sample to its last, the worker's between medians.`,
    ],
  }
}

async function acceptAll(stack: Stack) {
  const idleMb = await residentMegabytes(stack.service('watcher').pid())
  const startedAt = performance.now()
  const numbers = Array.from({ length: PLANS }, (_, index) => index)
  await dropAll(stack, numbers, 0)
  const killed = waitFor('an eighth to be accepted', async () => (await countTasks(stack)).tasks > PLANS / 8, {
    everyMs: 10,
  }).then(() => stack.service('watcher').kill())
  const often = numbers.filter((number) => number % SAVED_OFTEN === 0)
  for (const save of [1, 2, 3, 4]) await dropAll(stack, often, save)
  await killed
  await stack.service('watcher').start()
  const memory = sampleMemory(stack, 'watcher')
  await waitFor('every plan to be a task', async () => (await countTasks(stack)).tasks >= PLANS, { timeoutMs: 300_000 })
  const tookMs = performance.now() - startedAt
  // What is still under way would make more of them.
  await new Promise((resolve) => setTimeout(resolve, 10_000))
  const samples = await memory.stop()
  const highestMb = Math.max(...samples)
  return { ...(await countTasks(stack)), tookMs, idleMb, highestMb, grownMb: (samples.at(-1) ?? 0) - (samples[0] ?? 0) }
}

async function dropAll(stack: Stack, numbers: readonly number[], save: number): Promise<void> {
  const text = (number: number) =>
    `---\ntest: node --version\n---\n# Plan ${number}\n\nreplay: nothing\n${'Look.\n'.repeat(save)}`
  await Promise.all(numbers.map((number) => writeFile(join(stack.plansDirectory, `plan-${number}.md`), text(number))))
}

async function workOff(stack: Stack) {
  await stack.startService('worker')
  const memory = sampleMemory(stack, 'worker')
  const deadline = performance.now() + WORKED_MINUTES * 60_000
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    const { ended } = await countTasks(stack)
    if (ended < PLANS && performance.now() < deadline) continue
    const samples = await memory.stop()
    const third = Math.floor(samples.length / 3)
    const grownMb = median(samples.slice(-third)) - median(samples.slice(0, third))
    return { ended, highestMb: Math.max(...samples), grownMb }
  }
}

/** As its user does with what a first start holds. */
async function startHeld(stack: Stack): Promise<void> {
  await promisify(execFile)(process.execPath, [cli, 'start', '--all'], { env: { ...process.env, ...stack.env } })
}

async function countTasks(stack: Stack) {
  const all = (await stack.ledger.listTasks(10 * PLANS)).map(({ task }) => task)
  const withStatus = (status: string) => all.filter((task) => task.status === status).length
  return { tasks: all.length, held: withStatus('held'), ended: withStatus('no-change') }
}

/** The service's memory, once a second until it is stopped. */
function sampleMemory(stack: Stack, name: ServiceName) {
  const samples: number[] = []
  const stopping = new AbortController()
  const sampling = (async () => {
    while (!stopping.signal.aborted) {
      samples.push(await residentMegabytes(stack.service(name).pid()))
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS))
    }
  })()
  return {
    stop: async () => {
      stopping.abort()
      await sampling
      return samples
    },
  }
}

if (import.meta.main) await printResult(measurePlanBurst)
