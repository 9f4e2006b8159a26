import { endTask, type RunRecord, type Task, type TaskEvent } from '@devbot/contracts'
import { REPOSITORY, startStack, waitFor } from '@devbot/demo'
import { connectLedger, type Ledger, type TurnEntry } from '@devbot/queue'
import { startRedis } from '@devbot/queue/testing'
import { Redis } from 'ioredis'
import { acceptPlan } from './processes/submit-task.ts'
import type { BenchResult } from './report/figure.ts'
import { printResult, say } from './report/print-result.ts'

const DEMO_PLAN = '261122__PLAN__rounding-and-relative-times.md'
const COPIES = 200
/** Tasks written at the same time. */
const WRITERS = 20
const LEASE_MS = 60_000
const INSTANCE = 'bench'

/** What the ledger holds of one task. */
type TaskContent = {
  readonly task: Task
  readonly planText: string
  readonly events: readonly TaskEvent[]
  readonly runs: readonly { readonly run: RunRecord; readonly turns: readonly TurnEntry[] }[]
}

/**
 * Redis memory of a task: a real one, after the demo's plan became a pull request, key by key; and the growth of Redis
 * over two hundred tasks with the same content, active and then ended and shrunk.
 */
export async function measureRedisPerTask(): Promise<BenchResult> {
  const real = await runRealTask()
  const grown = await growByCopies(real.content)
  const contentKilobytes = bytesOf(real.content) / 1000
  const turns = real.content.runs.flatMap((run) => run.turns).length
  say(
    `  a real task ${real.kilobytes.toFixed(1)} KB; of ${COPIES}: active ${grown.active.toFixed(1)}, ended ${grown.ended.toFixed(1)} KB each`,
  )
  const baseline = { what: 'the same content as JSON', value: contentKilobytes }
  return {
    figures: [
      {
        name: 'Redis per active task, MEMORY USAGE of its keys',
        unit: 'KB',
        ours: real.kilobytes,
        baseline,
        design: 1000,
      },
      { name: `Redis per active task, growth over ${COPIES}`, unit: 'KB', ours: grown.active, baseline, design: 1000 },
      {
        name: `Redis per ended task after retention, growth over ${COPIES}`,
        unit: 'KB',
        ours: grown.ended,
        baseline,
        design: 10,
      },
    ],
    notes: [
      `Redis: the demo's plan with an open pull request: ${real.content.runs.length} run, ${turns} turn entries, ${real.content.events.length} events, ${contentKilobytes.toFixed(0)} KB of JSON. A turn entry over 64 KiB lies in a file, so that a run's size in Redis is bounded by 64 KiB per entry, not by what the tools print.`,
    ],
  }
}

async function runRealTask(): Promise<{ readonly content: TaskContent; readonly kilobytes: number }> {
  await using stack = await startStack({ without: ['webhook-ingress'] })
  await stack.dropPlan(DEMO_PLAN)
  const task = await waitFor('the demo plan to become a pull request', async () => {
    const found = (await stack.ledger.listTasks(1))[0]?.task
    return found?.status === 'in-review' && !found.reportDue && found.publication === undefined ? found : undefined
  })
  const content = await contentOf(stack.ledger, task)
  const client = new Redis(stack.redis.url)
  try {
    const patterns = [`*:task:${task.id}*`, ...content.runs.map(({ run }) => `*:run:${run.id}:*`)]
    return { content, kilobytes: (await memoryOfKeys(client, patterns)) / 1000 }
  } finally {
    client.disconnect()
  }
}

async function contentOf(ledger: Ledger, task: Task): Promise<TaskContent> {
  const { runs = [] } = (await ledger.details(task.id)) ?? {}
  return {
    task,
    planText: await ledger.planText(task.id),
    events: (await ledger.events(task.id)).map(({ event }) => event),
    runs: await Promise.all(runs.map(async (run) => ({ run, turns: await ledger.turns(run.id) }))),
  }
}

function bytesOf(content: TaskContent): number {
  return Buffer.byteLength(JSON.stringify(content))
}

async function memoryOfKeys(client: Redis, patterns: readonly string[]): Promise<number> {
  let bytes = 0
  for (const pattern of patterns) {
    for (const key of await client.keys(pattern)) bytes += Number(await client.memory('USAGE', key, 'SAMPLES', 0))
  }
  return bytes
}

async function growByCopies(content: TaskContent): Promise<{ readonly active: number; readonly ended: number }> {
  const redis = await startRedis()
  try {
    const ledger = await connectLedger({ redisUrl: redis.url, instance: INSTANCE })
    const client = new Redis(redis.url)
    try {
      // One task beforehand: scripts and indexes are there then, and only tasks are counted.
      await writeCopy(ledger, content, 0)
      const perTask = async (from: number) => ((await usedBytes(client)) - from) / COPIES / 1000
      const before = await usedBytes(client)
      const tasks = await inParallel(COPIES, (copy) => writeCopy(ledger, content, copy + 1))
      const active = await perTask(before)
      await inParallel(COPIES, (copy) => endCopy(ledger, tasks[copy]))
      const retired = await ledger.retire(Date.now() + LEASE_MS)
      if (retired !== COPIES) throw new Error(`expected ${COPIES} tasks to be shrunk, got ${retired}`)
      return { active, ended: await perTask(before) }
    } finally {
      client.disconnect()
      await ledger.close()
    }
  } finally {
    await redis.stop()
  }
}

async function writeCopy(ledger: Ledger, content: TaskContent, copy: number): Promise<Task> {
  const created = await acceptPlan(ledger, {
    name: `copy-${copy}`,
    text: `${content.planText}\n${copy}\n`,
    repository: REPOSITORY,
  })
  return withOwnership(ledger, created, async (ownership) => {
    for (const event of content.events) await ledger.recordEvent(ownership, event)
    for (const { run, turns } of content.runs) {
      const runId = `${run.id}-${copy}`
      await ledger.saveRun(ownership, { ...run, id: runId })
      for (const turn of turns) await ledger.appendTurn(ownership, runId, turn)
    }
    const { id, planPath, planHash, branch } = created
    const { pullRequest } = content.task
    const numbered = pullRequest === undefined ? {} : { pullRequest: { ...pullRequest, number: copy + 1 } }
    return ledger.save(ownership, { ...content.task, ...numbered, id, planPath, planHash, branch })
  })
}

async function endCopy(ledger: Ledger, task: Task | undefined): Promise<void> {
  if (task === undefined) throw new Error('expected a task for every copy')
  const ended = endTask(task, 'merged', 'merged by ada', Date.now())
  await withOwnership(ledger, task, (ownership) => ledger.save(ownership, { ...ended, reportDue: false }))
}

async function withOwnership<T>(
  ledger: Ledger,
  task: Task,
  work: (ownership: Parameters<Ledger['save']>[0]) => Promise<T>,
): Promise<T> {
  const taken = await ledger.take(task.id, 'bench', LEASE_MS)
  if (taken.kind !== 'taken') throw new Error(`expected to take the task ${task.id}, it is ${taken.kind}`)
  const result = await work(taken.ownership)
  await ledger.release(taken.ownership)
  return result
}

async function inParallel<T>(count: number, work: (index: number) => Promise<T>): Promise<readonly T[]> {
  const results: T[] = []
  let next = 0
  const writer = async () => {
    for (let index = next++; index < count; index = next++) results[index] = await work(index)
  }
  await Promise.all(Array.from({ length: WRITERS }, writer))
  return results
}

async function usedBytes(client: Redis): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await client.info('memory'))?.[1])
}

if (import.meta.main) await printResult(measureRedisPerTask)
