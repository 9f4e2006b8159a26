import { measureHarness } from './harness.ts'
import { measurePlanToJob } from './plan-to-job.ts'
import { measureRedisPerTask } from './redis-per-task.ts'
import type { BenchResult } from './report/figure.ts'
import { printResult, say } from './report/print-result.ts'
import { measureSandbox } from './sandbox.ts'
import { measureWebhookTo202 } from './webhook-to-202.ts'

const benches: readonly (readonly [name: string, measure: () => Promise<BenchResult>])[] = [
  ['plan-to-job', measurePlanToJob],
  ['webhook-to-202', measureWebhookTo202],
  ['harness', measureHarness],
  ['redis-per-task', measureRedisPerTask],
  ['sandbox', measureSandbox],
]

/** One after the other: they would measure each other otherwise. */
async function measureAll(): Promise<BenchResult> {
  const results: BenchResult[] = []
  for (const [name, measure] of benches) {
    say(`${name} ...`)
    results.push(await measure())
  }
  return { figures: results.flatMap(({ figures }) => figures), notes: results.flatMap(({ notes }) => notes) }
}

await printResult(measureAll)
