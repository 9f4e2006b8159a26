import { setTimeout as sleep } from 'node:timers/promises'
import type { HeardReport, Ledger, Pause } from '@devbot/queue'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { dollars, type Output } from '../output.ts'
import { whoAmI } from './steering-commands.ts'
import { withLedger } from './with-ledger.ts'

/** `stop --all` is done, or says what is still there, within this. */
const PROOF_MS = 15_000
const LOOK_MS = 250
/** A worker that said nothing for so long is dead or cut off: a few lost reports, or a slow machine, are neither. */
const SILENT_MS = 6_000

/** `pause --all`: no task is taken, what runs stops within a second and stays due. */
export async function pauseAll(output: Output): Promise<ExitCode> {
  const pause = await withLedger((ledger) => ledger.pauseAll(whoAmI()))
  output.answer(
    { pause },
    () => `${describePause(pause)}; plans and webhooks are still accepted. Go on with: devbot resume --all`,
  )
  return EXIT.done
}

/** `resume --all`: everything goes on where it was. Tasks that were paused one by one stay so. */
export async function resumeAll(output: Output): Promise<ExitCode> {
  const pause = await withLedger((ledger) => ledger.resumeAll())
  output.answer({ ended: pause ?? null }, () =>
    pause === undefined
      ? 'nothing was paused as a whole; devbot resume <task> for one task'
      : `everything goes on where it was (${describePause(pause)})`,
  )
  return EXIT.done
}

export function describePause({ by, sinceMs }: Pause): string {
  return `everything is paused by ${by} since ${new Date(sinceMs).toISOString()}`
}

type Proof = {
  readonly pause: Pause
  readonly workers: readonly HeardReport[]
  /** What is still there, or not known; empty: nothing spends any more. */
  readonly left: readonly string[]
}

/** `stop --all`: pauses everything, and proves that nothing is under way any more. */
export async function stopAll(output: Output): Promise<ExitCode> {
  return withLedger(async (ledger) => {
    const pause = await ledger.pauseAll(whoAmI())
    const beganAtMs = performance.now()
    let proof = await look(ledger, pause)
    while (proof.left.length > 0 && performance.now() - beganAtMs < PROOF_MS) {
      await sleep(LOOK_MS)
      proof = await look(ledger, pause)
    }
    const tookMs = Math.round(performance.now() - beganAtMs)
    const spentMicroUsd = await ledger.spentToday()
    output.answer({ stopped: proof.left.length === 0, tookMs, spentMicroUsd, ...proof }, () =>
      [
        `queue        ${describePause(pause)}: no task is taken`,
        ...proof.workers.map((worker) => `worker       ${describeWorker(worker, pause)}`),
        `spent today  ${dollars(spentMicroUsd)}`,
        proof.left.length === 0
          ? `stopped in ${(tookMs / 1000).toFixed(1)} s: nothing is under way. Go on with: devbot resume --all`
          : `not proved after ${(tookMs / 1000).toFixed(1)} s:\n${proof.left.map((one) => `  ${one}`).join('\n')}`,
      ].join('\n'),
    )
    return proof.left.length === 0 ? EXIT.done : EXIT.failed
  })
}

async function look(ledger: Ledger, pause: Pause): Promise<Proof> {
  const workers = (await ledger.liveWorkers()).filter(mayStillBeThere)
  const left = workers.length === 0 ? [NO_WORKER] : workers.flatMap((worker) => leftAt(worker, pause))
  return { pause, workers, left }
}

const NO_WORKER =
  'no worker is alive: none asks a model or takes a task, but nobody can say whether sandboxes are left; start a worker (it stays paused and removes them), then say this again'

/**
 * Pure: whether a worker counts. One that vanished with something under way may only be cut off from Redis, and still
 * wait for the model; its report is kept until its lease has surely ended.
 */
export function mayStillBeThere({ silentMs, tasks, modelCalls }: HeardReport): boolean {
  return silentMs <= SILENT_MS || tasks.length > 0 || modelCalls > 0
}

/** Pure: why a worker's word is no proof yet. */
export function leftAt(report: HeardReport, pause: Pause): readonly string[] {
  const { id, tasks, modelCalls, sandboxes, problem, heardPauseMs, silentMs } = report
  if (silentMs > SILENT_MS) {
    return [
      `${id} is not heard of for ${Math.round(silentMs / 1000)} s: it worked on ${tasks.length} tasks with ${modelCalls} model calls under way; its lease ends them`,
    ]
  }
  if (heardPauseMs !== pause.sinceMs) return [`${id} has not told yet that it heard of the pause`]
  return [
    ...(problem === undefined ? [] : [`${id}: ${problem}`]),
    ...(tasks.length === 0 ? [] : [`${id} still works on ${tasks.join(', ')}`]),
    ...(modelCalls === 0 ? [] : [`${id} still waits for ${modelCalls} model calls`]),
    ...(sandboxes === undefined || sandboxes === 0 ? [] : [`${id} still sees ${sandboxes} sandboxes`]),
  ]
}

function describeWorker(report: HeardReport, pause: Pause): string {
  const { id, tasks, modelCalls, sandboxes = 'an unknown number of' } = report
  const heard = report.heardPauseMs === pause.sinceMs ? '' : ' (before it heard of the pause)'
  return `${id}: ${tasks.length} tasks and ${modelCalls} model calls under way, ${sandboxes} sandboxes of this instance${heard}`
}
