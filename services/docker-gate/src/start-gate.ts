import { createLogger, createMetrics, type Logger, type RunningService, startOpsServer } from '@devbot/config'
import { createAnswerer } from './answer-call.ts'
import type { GateConfig } from './config.ts'
import { createEngine, type Engine } from './engine.ts'
import { createGateServer } from './gate-server.ts'
import { listenOnSocket } from './gate-socket.ts'
import { Refusal } from './refusal.ts'

/** Builds the gate's parts and starts them. The engine may come and go: the gate stays. */
export async function startGate(config: GateConfig): Promise<RunningService & { log: Logger; opsPort: number }> {
  const log = createLogger({ service: 'docker-gate', level: config.logLevel, secrets: [] })
  const engine = createEngine(config.dockerSocket)
  const gate = createGateServer({ answerer: createAnswerer({ engine, config, nowMs: Date.now }), log, nowMs: Date.now })
  await listenOnSocket(gate.server, config.gateSocket, config.gateSocketMode)
  const notReady = () => engineProblem(engine)
  const ops = await startOpsServer({ port: config.opsPort, metrics: createMetrics(), notReady })
  log.info({ opsPort: ops.port, socket: config.gateSocket, instance: config.instance }, 'docker-gate ready')
  return {
    log,
    opsPort: ops.port,
    async stop() {
      await gate.close()
      await ops.close()
    },
  }
}

async function engineProblem(engine: Engine): Promise<string | undefined> {
  try {
    const { status } = await engine.ask({ method: 'GET', path: '/_ping' })
    return status === 200 ? undefined : `the Docker engine answers ${status}`
  } catch (error) {
    if (error instanceof Refusal) return error.message
    throw error
  }
}
