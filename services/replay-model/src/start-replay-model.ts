import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Logger } from '@devbot/config'
import { DevBotError } from '@devbot/contracts'
import { createApp } from './app.ts'
import { createFaults } from './faults.ts'
import { createJournal, type RequestSummary, type Violation } from './journal.ts'
import { loadTrajectories, parseTrajectories } from './load-trajectories.ts'
import { createPromptCache } from './prompt-cache.ts'
import type { MessagesRequest } from './request.ts'
import type { Fault, TrajectoryInput } from './trajectory.ts'

export type ReplayModelOptions = {
  /** 0 takes a free one. */
  readonly port: number
  readonly host: string
  /** The one key that is accepted. */
  readonly apiKey: string
  /** A folder of trajectories, or the trajectories themselves. */
  readonly trajectories: string | readonly TrajectoryInput[]
  readonly log: Logger
  /** The cache's clock, UTC milliseconds. */
  readonly nowMs?: () => number
  /** Sees every valid request, whole, as it arrives; its reply waits for what this returns. */
  readonly onRequest?: (request: MessagesRequest) => void | Promise<void>
}

export type ReplayModel = {
  /** What `ANTHROPIC_BASE_URL` has to be. */
  readonly url: string
  /** Requests that were answered, oldest first. */
  readonly requests: () => readonly RequestSummary[]
  /** Requests that were refused, oldest first; a run that went well leaves none. */
  readonly violations: () => readonly Violation[]
  /** Orders a fault for the next requests, as `POST /_replay/faults` does. */
  readonly orderFault: (fault: Fault) => void
  readonly stop: () => Promise<void>
}

/**
 * Starts a stand-in for the Messages API that plays recorded trajectories. It refuses, loudly, what the API would
 * refuse and what no trajectory fits. Throws category `config` for bad trajectories and for a port that is taken.
 */
export async function startReplayModel(options: ReplayModelOptions): Promise<ReplayModel> {
  const { trajectories } = options
  const journal = createJournal()
  const faults = createFaults()
  const app = createApp({
    apiKey: options.apiKey,
    trajectories: typeof trajectories === 'string' ? loadTrajectories(trajectories) : parseTrajectories(trajectories),
    cache: createPromptCache(options.nowMs ?? Date.now),
    faults,
    journal,
    log: options.log,
    onRequest: options.onRequest,
  })
  const server = createServer(app)
  const port = await listen(server, options.port, options.host)
  options.log.info({ port, host: options.host }, 'the replay model listens')
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    requests: journal.requests,
    violations: journal.violations,
    orderFault: (fault) => {
      if (!faults.order(fault)) throw new RangeError('too many faults wait already')
    },
    stop: () => closeServer(server),
  }
}

async function listen(server: ReturnType<typeof createServer>, port: number, host: string): Promise<number> {
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new DevBotError({
      category: 'config',
      code: 'replay-port-taken',
      message: `${host}:${port} cannot be listened on; free it, or choose another port (0 takes a free one)`,
      cause,
    })
  }
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}

function closeServer(server: ReturnType<typeof createServer>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
