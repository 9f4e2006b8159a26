import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Stack, startStack, waitFor } from '@devbot/demo'
import { choosePoints, type PointChoice } from './choose-points.ts'
import { type CrashPoint, pointFile, readTrace } from './crash-points.ts'
import { differences } from './differences.ts'
import { drivePlan } from './drive-plan.ts'
import { checkHistory } from './history-checks.ts'
import { killAtRandom } from './kill-at-random.ts'
import { matrixTrajectories } from './matrix-plan.ts'
import { type PlanEvidence, readOutside } from './outside-state.ts'
import { superviseWorker } from './supervise-worker.ts'

/** Plans on their way at once: a killed one waits for its lease while others are worked on. The worker takes one at a time. */
const PLANS_AT_ONCE = 12
/** A dead owner's lease, the reaper's period (20 s), and some more. */
const REAPER_MS = 60_000

export type MatrixOptions = PointChoice & {
  /** Kills of random services at random moments, after the points. */
  readonly randomKills: number
  /** Most points of one run; more are an error. */
  readonly maxPoints: number
  readonly say: (line: string) => void
  /** Ends the run early; everything that was started is stopped. */
  readonly signal?: AbortSignal
}

export type PlanResult = {
  readonly name: string
  /** Where it was killed; absent for the undisturbed plan and for random kills. */
  readonly point?: CrashPoint
  readonly reached: boolean
  /** Requests the model got more than once, by plan, run and length of the conversation. */
  readonly repeatedCalls: number
  readonly problems: readonly string[]
}

export type MatrixResult = {
  /** Points of the undisturbed story. */
  readonly recorded: readonly CrashPoint[]
  readonly plans: readonly PlanResult[]
  readonly kills: number
  /** What is wrong with the whole: left sandboxes, temporary files. */
  readonly problems: readonly string[]
  readonly seconds: number
}

/**
 * One plan undisturbed, then one plan per point at which the worker kills itself, then plans beside random kills; when
 * all is over, what is left of each is compared with what is left of the undisturbed one.
 */
export async function runCrashMatrix(options: MatrixOptions): Promise<MatrixResult> {
  const startedMs = performance.now()
  await using folder = await sharedFolder()
  const names = numbered(options.maxPoints + options.randomKills + 1)
  await using stack = await startMatrixStack(folder, names)
  await using supervised = superviseWorker(stack)

  const [first = '', ...others] = names
  await drivePlan(stack, first, options.signal)
  const { points: recorded } = readTrace(folder.traces, `${first}.md`)
  const chosen = choosePoints(recorded, options)
  if (chosen.length > options.maxPoints)
    throw new RangeError(`${chosen.length} points were chosen, at most ${options.maxPoints} are possible`)
  options.say(`${recorded.length} points in one story, ${chosen.length} of them are tried`)

  const failed = new Map<string, string>()
  const drive = async (name: string) => {
    await drivePlan(stack, name, options.signal).catch((error: unknown) => failed.set(name, String(error)))
    options.signal?.throwIfAborted()
  }
  const armed = new Map(chosen.map((point, index) => [others[index] ?? '', point]))
  await inTurns([...armed], PLANS_AT_ONCE, async ([name, point]) => {
    await writeFile(pointFile(folder.traces, `${name}.md`), point)
    await drive(name)
    options.say(`${point}${failed.has(name) ? `  FAILED (${name})` : ''}`)
  })
  const shaken = others.slice(armed.size, armed.size + Math.ceil(options.randomKills / 2))
  const randomKills = await killAtRandom(stack, options, () => inTurns(shaken, PLANS_AT_ONCE, drive))

  const problems = [...(await waitForReaper(stack)), ...supervised.problems(), ...refusedByModel(stack)]
  await supervised.stop()
  problems.push(...(await leftovers(folder, stack)))
  const used = [first, ...armed.keys(), ...shaken]
  const evidence = await readOutside(stack, used)
  const plans = used.map((name) => judge(stack, folder, evidence, { name, first, point: armed.get(name), failed }))
  return {
    recorded,
    plans,
    kills: plans.filter(({ point, reached }) => point !== undefined && reached).length + randomKills,
    problems,
    seconds: Math.round((performance.now() - startedMs) / 1000),
  }
}

type Folder = AsyncDisposable & { readonly traces: string; readonly temporary: string; readonly compiled: string }

async function sharedFolder(): Promise<Folder> {
  const directory = await mkdtemp(join(tmpdir(), 'devbot-crash-matrix-'))
  const [traces, temporary, compiled] = [join(directory, 'traces'), join(directory, 'tmp'), join(directory, 'compiled')]
  await Promise.all([traces, temporary, compiled].map((path) => mkdir(path)))
  return { traces, temporary, compiled, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) }
}

function startMatrixStack(folder: Folder, names: readonly string[]): Promise<Stack> {
  const file = fileURLToPath(new URL('worker-with-crash-points.ts', import.meta.url))
  return startStack({
    sandbox: 'process',
    trajectories: names.flatMap(matrixTrajectories),
    programs: { worker: { file, args: [folder.traces] } },
    env: {
      TMPDIR: folder.temporary,
      // The worker starts once per kill; compiling it anew is most of what that costs.
      NODE_COMPILE_CACHE: folder.compiled,
      // One task at a time: what the worker does is for the plan whose point it may reach.
      WORKER_CONCURRENCY: '1',
      // A webhook that came while the ingress was dead is made up for; no story lasts as long undisturbed.
      RECONCILE_SECONDS: '20',
      // A dead worker's tasks are taken up after this; the default of 20 s would be most of a point's time.
      LEASE_SECONDS: '8',
      MAX_FIRST_START: '100000',
      MAX_COST_USD_PER_DAY: '100000',
      MAX_ROUNDS_PER_DAY: '100000',
    },
  })
}

/** Of one length, so that none begins with another. */
function numbered(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `m${String(index).padStart(5, '0')}`)
}

/** `work` for each, at most `width` at once, in order. */
async function inTurns<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items]
  const lane = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: width }, lane))
}

/** What killed workers left is gone one lease and one of the reaper's periods later. */
async function waitForReaper(stack: Stack): Promise<readonly string[]> {
  const folder = join(stack.env.DEVBOT_DATA_DIR ?? '', 'sandboxes')
  const left = async () =>
    (await Promise.all((await readdir(folder)).map((instance) => readdir(join(folder, instance))))).flat()
  try {
    await waitFor('no sandbox', async () => (await left()).length === 0, { timeoutMs: REAPER_MS, everyMs: 500 })
    return []
  } catch {
    return [`sandboxes are left: ${(await left()).join(', ')}`]
  }
}

/** Read when the worker has stopped in good order: nothing of it may still be in use. */
async function leftovers(folder: Folder, stack: Stack): Promise<readonly string[]> {
  const temporary = await readdir(folder.temporary)
  const hidden = (await readdir(stack.plansDirectory)).filter((name) => name.startsWith('.'))
  return [
    ...(temporary.length === 0
      ? []
      : [`${temporary.length} temporary folders are left, ${temporary.slice(0, 5).join(', ')} among them`]),
    ...(hidden.length === 0
      ? []
      : [`${hidden.length} hidden files are left beside the plans: ${hidden.slice(0, 5).join(', ')}`]),
  ]
}

function judge(
  stack: Stack,
  folder: Folder,
  evidence: ReadonlyMap<string, PlanEvidence>,
  about: {
    readonly name: string
    readonly first: string
    readonly point: CrashPoint | undefined
    readonly failed: ReadonlyMap<string, string>
  },
): PlanResult {
  const { name, first, point, failed } = about
  const [found, undisturbed] = [evidence.get(name), evidence.get(first)]
  if (found === undefined || undisturbed === undefined) throw new Error(`no evidence of ${name}`)
  const { killedAt, epochs } = readTrace(folder.traces, `${name}.md`)
  const submitted = found.feedback.filter(({ item }) => item.author === 'ada').map(({ item }) => item)
  submitted.sort((a, b) => a.submittedAt.localeCompare(b.submittedAt))
  const failure = failed.get(name)
  const problems = [
    ...(failure === undefined ? [] : [failure]),
    ...differences('', undisturbed.outside, found.outside),
    ...checkHistory({ planPath: `${name}.md`, ...found, submitted: submitted.map(({ id }) => id), epochs }),
  ]
  return {
    name,
    ...(point === undefined ? {} : { point }),
    reached: killedAt !== undefined,
    repeatedCalls: repeatedCalls(stack, name),
    problems,
  }
}

/** A script that was not met, or a request that the API would refuse. */
function refusedByModel(stack: Stack): readonly string[] {
  return stack.model
    .violations()
    .map(({ rule, message }) => `the model refused a request (${rule}): ${message.slice(0, 500)}`)
}

function repeatedCalls(stack: Stack, name: string): number {
  const asked = stack.model.requests().filter(({ trajectory }) => trajectory.startsWith(`${name}-`))
  return asked.length - new Set(asked.map(({ trajectory, messages }) => `${trajectory} ${messages}`)).size
}
