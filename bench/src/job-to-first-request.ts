import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RecordedEvent, Task } from '@devbot/contracts'
import { REPOSITORY, type Stack } from '@devbot/demo'
import { openRepositoryStore, type RepositoryStore } from '@devbot/git'
import { startMeasuredWorker } from './harness/measured-worker.ts'
import { type RecordedModel, startRecordedModel } from './harness/recorded-model.ts'
import { submitPlan, waitForEnd } from './processes/submit-task.ts'
import { type JobWatch, watchJobs } from './processes/watch-jobs.ts'
import type { BenchResult } from './report/figure.ts'
import { printResult, say } from './report/print-result.ts'
import { median, medianFields } from './report/statistics.ts'

const RUNS = 5
const LARGE_FILES = 5_000
/** 42 MB in all. */
const LARGE_FILE_BYTES = 8_400
const LARGE_COMMITS = 400
const LARGE_REPOSITORY = 'timespan/large'
const BRANCH = 'main'
/** Sweeper and heartbeats come to rest. */
const PAUSE_MS = 600

/** The agent looks at nothing and says that nothing is to be done: the shortest run there is. */
const trajectory = {
  name: 'nothing',
  match: 'bench: nothing',
  turns: [
    {
      calls: [{ tool: 'finish', input: { title: 'Nothing to do', summary: 'Nothing to do.', testing_notes: 'None.' } }],
    },
  ],
  repeatLast: true,
}

/** Milliseconds after the job was taken. */
const STEPS = ['runStart', 'agentStart', 'prepareStart', 'prepareEnd', 'request'] as const
type Steps = Readonly<Record<(typeof STEPS)[number], number>>

/** From the job's taking to the first model request, with the repository in the store. */
export async function measureJobToFirstRequest(): Promise<BenchResult> {
  const model = await startRecordedModel([trajectory])
  try {
    await using worker = await startMeasuredWorker(model, { ALLOWED_REPOS: `${REPOSITORY},${LARGE_REPOSITORY}` })
    const { stack } = worker
    await seedLargeRepository(stack)
    const jobs = await watchJobs(stack.redis.url, stack.instance)
    try {
      const sample = await measureRepository(stack, model, jobs, { name: 'sample repository', repository: REPOSITORY })
      const large = await measureRepository(stack, model, jobs, {
        name: `${LARGE_FILES.toLocaleString('en')} files, ${LARGE_COMMITS} commits`,
        repository: LARGE_REPOSITORY,
      })
      return { figures: [sample.figure, large.figure], notes: [...sample.notes, ...large.notes] }
    } finally {
      await jobs.close()
    }
  } finally {
    await model.stop()
  }
}

async function measureRepository(
  stack: Stack,
  model: RecordedModel,
  jobs: JobWatch,
  { name, repository }: { readonly name: string; readonly repository: string },
) {
  const plan = (run: number) => ({
    repository,
    name: `${repository.replace('/', '-')}-${run}`,
    text: `# Run ${run}\n\nbench: nothing\n`,
  })
  // The first run brings the repository into the store; it does not count.
  const first = await waitForEnd(stack.ledger, await submit(stack, plan(0)))
  const store = await openStore(stack, first)
  const runs: Steps[] = []
  const bare: number[] = []
  const parts: Readonly<Record<string, number>>[] = []
  for (let run = 1; run <= RUNS; run++) {
    await sleep(PAUSE_MS)
    bare.push(await timeBareFetch(store))
    parts.push(await timeParts(store))
    runs.push(await timeRun(stack, model, jobs, plan(run)))
  }
  const steps = medianFields(runs, STEPS)
  say(`  ${name}: ${steps.request.toFixed(0)} ms, a bare fetch ${median(bare).toFixed(0)} ms`)
  return {
    figure: {
      name: `job taken -> first model request, ${name}`,
      unit: 'ms' as const,
      ours: steps.request,
      baseline: { what: 'git fetch alone', value: median(bare) },
      design: 150,
    },
    notes: [
      `job -> first request, ${name}, after the job's taking (medians of ${RUNS}): run recorded at ${steps.runStart.toFixed(0)} ms, stage agent from ${steps.agentStart.toFixed(0)}, request arrives at ${steps.request.toFixed(0)}; stage prepare (the fetch) from ${steps.prepareStart.toFixed(0)} to ${steps.prepareEnd.toFixed(0)}.`,
      `the same calls on the same store by themselves, ${name}: ${partNotes(parts)}.`,
    ],
  }
}

async function timeRun(
  stack: Stack,
  model: RecordedModel,
  jobs: JobWatch,
  plan: Parameters<typeof submit>[1],
): Promise<Steps> {
  model.forget()
  const task = await submit(stack, plan)
  await waitForEnd(stack.ledger, task)
  const requestAtMs = performance.timeOrigin + (model.seen()[0]?.arrivedMs ?? Number.NaN)
  const events = await stack.ledger.events(task.id)
  const runAtMs = timeOf(events, (event) => event.kind === 'run-start')
  const takenAtMs = jobs.seen('active').findLast(({ atMs }) => atMs <= runAtMs)?.atMs ?? Number.NaN
  const stageAt = (kind: 'stage-start' | 'stage-end', stage: 'agent' | 'prepare') =>
    timeOf(events, (event) => event.kind === kind && event.stage === stage) - takenAtMs
  return {
    runStart: runAtMs - takenAtMs,
    agentStart: stageAt('stage-start', 'agent'),
    prepareStart: stageAt('stage-start', 'prepare'),
    prepareEnd: stageAt('stage-end', 'prepare'),
    request: requestAtMs - takenAtMs,
  }
}

function timeOf(events: readonly RecordedEvent[], is: (event: RecordedEvent['event']) => boolean): number {
  const found = events.find(({ event }) => is(event))
  if (found === undefined) throw new Error('expected the events of a whole run, one is missing')
  return found.atMs
}

function submit(stack: Stack, plan: { readonly repository: string; readonly name: string; readonly text: string }) {
  return submitPlan(
    { ledger: stack.ledger, redisUrl: stack.redis.url, instance: stack.env.DEVBOT_INSTANCE ?? '' },
    plan,
  )
}

/** The worker's own bare store, opened a second time: which it allows. */
async function openStore(stack: Stack, task: Task): Promise<RepositoryStore> {
  return openRepositoryStore({
    directory: join(stack.env.DEVBOT_DATA_DIR ?? '', 'repositories', `${task.repositoryId}.git`),
    remoteUrl: `${stack.github.serverUrl}/${task.repository}.git`,
    credentials: async () => ({ username: 'x-access-token', password: stack.tokens.bot }),
    author: { name: 'Bench', email: 'bench@devbot.invalid' },
    networkTimeoutMs: 60_000,
  })
}

/** What no design that starts from the newest base can do without: asking the remote where the base is. */
async function timeBareFetch(store: RepositoryStore): Promise<number> {
  return (await timed(() => store.fetchBranch(BRANCH))).tookMs
}

/** What the worker asks of the store before the first request (prepare, rules, first message), one by one; it asks the last three beside each other. */
async function timeParts(store: RepositoryStore): Promise<Readonly<Record<string, number>>> {
  const fetch = await timed(() => store.fetchBranch(BRANCH))
  const asked = await timed(() => store.remoteHead(BRANCH))
  const tree = await timed(() => store.treeOf(fetch.value))
  const files = await timed(() =>
    store.readFiles(tree.value, ['.devbot.yml', 'AGENTS.md', 'CLAUDE.md', 'package.json', 'Makefile'], 256 * 1024),
  )
  const list = await timed(() => store.listTree(tree.value))
  return {
    'fetch of an unchanged base': fetch.tookMs,
    'ls-remote instead': asked.tookMs,
    'tree id': tree.tookMs,
    'policy, instructions, manifests': files.tookMs,
    'whole file list': list.tookMs,
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly tookMs: number }> {
  const startedAt = performance.now()
  const value = await work()
  return { value, tookMs: performance.now() - startedAt }
}

function partNotes(parts: readonly Readonly<Record<string, number>>[]): string {
  const names = Object.keys(parts[0] ?? {})
  const medians = medianFields(parts, names)
  return names.map((name) => `${name} ${(medians[name] ?? 0).toFixed(0)} ms`).join(', ')
}

/** Files in folders of fifty, as source trees have them, a history, and a manifest whose tests take no time. */
async function seedLargeRepository(stack: Stack): Promise<void> {
  const files: Record<string, string> = { 'package.json': '{"name":"large","scripts":{"test":"node -e 0"}}\n' }
  for (let file = 1; file < LARGE_FILES; file++) {
    const line = `export const value${file} = ${file}\n`
    files[`packages/part-${Math.floor(file / 50)}/src/file-${file}.ts`] = line.repeat(LARGE_FILE_BYTES / line.length)
  }
  const changes = Array.from({ length: LARGE_COMMITS - 1 }, (_, commit) => ({
    message: `Change part ${commit}`,
    files: { [`packages/part-${commit % 100}/CHANGES.md`]: `Change ${commit}\n` },
  }))
  const [owner = '', name = ''] = LARGE_REPOSITORY.split('/')
  await stack.github.seedRepository({
    owner,
    name,
    defaultBranch: BRANCH,
    visibility: 'public',
    history: [{ message: 'Add everything', files }, ...changes],
  })
}

if (import.meta.main) await printResult(measureJobToFirstRequest)
