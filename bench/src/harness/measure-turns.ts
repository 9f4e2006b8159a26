import { say } from '../report/print-result.ts'
import { median } from '../report/statistics.ts'
import { containerPlace, type DisposablePlace, hostPlace } from './floor-places.ts'
import { type FloorProcess, startFloorProcess } from './floor-process.ts'
import { costOf, fixedTokens, ownMsPerTurn, prefixBreaks } from './judge-requests.ts'
import { startMeasuredWorker, waitForBaseline, waitForPullRequest } from './measured-worker.ts'
import { type RecordedModel, startRecordedModel } from './recorded-model.ts'
import { floorMessage, harnessTrajectory, TURNS } from './trajectory.ts'

/** Who plays the trajectory, in the order of a round. */
export const PLAYERS = ['host', 'persistent', 'execPerCall', 'devbot'] as const
export type Player = (typeof PLAYERS)[number]

export type Played = {
  readonly ownMsPerTurn: number
  readonly fixedTokens: number
  readonly costIndex: number
  readonly readShare: number
  readonly prefixBreaks: number
}

const RUNS = 3
/**
 * How long the model thinks, for every player alike, and taken off again: less than any real one. What is done beside a
 * request (DevBot takes its checkpoint then) would otherwise stand between two requests, where no user meets it.
 */
const THINK_MS = 500

/** Medians of the trajectory played by DevBot and by the floors, in turns, so that what else happens meets all of them. */
export async function measureTurns(): Promise<Readonly<Record<Player, Played>>> {
  const runs: Record<Player, Played[]> = { host: [], persistent: [], execPerCall: [], devbot: [] }
  // Three processes play: floors one each, so that none profits from the other's warmth.
  const model = await startRecordedModel([harnessTrajectory], { thinkMs: THINK_MS })
  try {
    await using worker = await startMeasuredWorker(model)
    await using host = startFloorProcess()
    await using persistent = startFloorProcess()
    await using execPerCall = startFloorProcess()
    const { sandbox } = worker.stack
    if (sandbox.driver !== 'docker') throw new Error('expected sandboxes in Docker')
    const { socketPath } = sandbox.engine
    const play: Readonly<Record<Player, (run: string) => Promise<void>>> = {
      host: (run) => playFloor(host, model, run, hostPlace),
      persistent: (run) => playFloor(persistent, model, run, () => containerPlace('persistent', socketPath)),
      execPerCall: (run) => playFloor(execPerCall, model, run, () => containerPlace('exec-per-call', socketPath)),
      devbot: async (run) => {
        const task = await worker.submit(run)
        model.holdAt(2, async () => void (await waitForBaseline(worker.stack, task)))
        await waitForPullRequest(worker.stack, task)
      },
    }
    // The first round brings the repository into the store and every program up to speed; it does not count.
    for (let round = 0; round <= RUNS; round += 1) {
      for (const player of PLAYERS) {
        model.forget()
        await play[player](`${player} ${round}`)
        const played = judge(model)
        if (round > 0) runs[player].push(played)
      }
      say(
        `  round ${round}: ${PLAYERS.map((player) => `${player} ${runs[player].at(-1)?.ownMsPerTurn.toFixed(1) ?? '-'}`).join(', ')} ms per turn`,
      )
    }
  } finally {
    await model.stop()
  }
  return {
    host: medianOf(runs.host),
    persistent: medianOf(runs.persistent),
    execPerCall: medianOf(runs.execPerCall),
    devbot: medianOf(runs.devbot),
  }
}

async function playFloor(
  floor: FloorProcess,
  model: RecordedModel,
  run: string,
  makePlace: () => Promise<DisposablePlace>,
): Promise<void> {
  await using made = await makePlace()
  const { url, apiKey } = model
  await floor.run({ baseUrl: url, apiKey, firstMessage: await floorMessage(run), place: made.place })
}

/** A run that did not go as recorded measured something else, so it is an error. */
function judge(model: RecordedModel): Played {
  const seen = model.seen()
  const first = seen[0]?.request
  const refused = model.refused()
  if (refused.length > 0) throw new Error(`the model refused a request: ${refused.join('; ')}`)
  if (first === undefined || seen.length !== TURNS) throw new Error(`expected ${TURNS} requests, saw ${seen.length}`)
  const { index, readShare } = costOf(model.billed())
  return {
    ownMsPerTurn: ownMsPerTurn(seen),
    fixedTokens: fixedTokens(first),
    costIndex: index,
    readShare,
    prefixBreaks: prefixBreaks(seen.map(({ request }) => request)),
  }
}

function medianOf(runs: readonly Played[]): Played {
  const of = (read: (run: Played) => number) => median(runs.map(read))
  return {
    ownMsPerTurn: of((run) => run.ownMsPerTurn),
    fixedTokens: of((run) => run.fixedTokens),
    costIndex: of((run) => run.costIndex),
    readShare: of((run) => run.readShare),
    // Of these the worst counts.
    prefixBreaks: Math.max(...runs.map((run) => run.prefixBreaks)),
  }
}
