import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLogger } from '@devbot/config'
import { type MessagesRequest, type RequestSummary, startReplayModel, type TrajectoryInput } from '@devbot/replay-model'

/** A request as it came, and what the model billed for it. */
export type SeenRequest = {
  /** When the model had read it, and when it went on to answer (performance.now()). */
  readonly arrivedMs: number
  readonly releasedMs: number
  readonly request: MessagesRequest
}

export type RecordedModel = {
  readonly url: string
  readonly apiKey: string
  /** All requests since the last `forget`, oldest first, and beside each what it was billed. */
  readonly seen: () => readonly SeenRequest[]
  readonly billed: () => readonly RequestSummary[]
  /** Forgets what was seen; a new run begins. */
  readonly forget: () => void
  /** Holds the reply to the request of this turn (from 1) until `until` is done; undefined: holds none. */
  readonly holdAt: (turn: number, until: () => Promise<void>) => void
  /** Requests that the API would have refused. */
  readonly refused: () => readonly string[]
  readonly stop: () => Promise<void>
}

/** The replayed model, with a record of every request. It answers at once but for `thinkMs`, and where it is told to hold. */
export async function startRecordedModel(
  trajectories: readonly TrajectoryInput[],
  /** `keep: false` looks at no request, for runs whose requests would fill the memory. */
  { keep = true, thinkMs = 0 }: { readonly keep?: boolean; readonly thinkMs?: number } = {},
): Promise<RecordedModel> {
  const apiKey = `local-bench-${randomBytes(12).toString('hex')}`
  let seen: SeenRequest[] = []
  let hold: { readonly turn: number; readonly until: () => Promise<void> } | undefined
  let alreadyBilled = 0
  const model = await startReplayModel({
    port: 0,
    host: '127.0.0.1',
    apiKey,
    trajectories,
    log: createLogger({ service: 'bench', level: 'silent', secrets: [] }),
    onRequest: async (request) => {
      const arrivedMs = performance.now()
      if (hold !== undefined && turnOf(request) === hold.turn) {
        const { until } = hold
        hold = undefined
        await until()
      }
      if (thinkMs > 0) await sleep(thinkMs)
      if (keep) seen.push({ arrivedMs, releasedMs: performance.now(), request })
    },
  })
  return {
    url: model.url,
    apiKey,
    seen: () => seen,
    billed: () => model.requests().slice(alreadyBilled),
    forget: () => {
      seen = []
      alreadyBilled = model.requests().length
    },
    holdAt: (turn, until) => {
      hold = { turn, until }
    },
    refused: () => model.violations().map(({ rule, message }) => `${rule}: ${message}`),
    stop: model.stop,
  }
}

/** Which turn a request asks for, from 1. */
export function turnOf(request: MessagesRequest): number {
  return request.messages.filter(({ role }) => role === 'assistant').length + 1
}
