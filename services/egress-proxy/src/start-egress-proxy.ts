import { createLogger, createMetrics, type Logger, type RunningService, startOpsServer } from '@devbot/config'
import type { EgressProxyConfig } from './config.ts'
import { listenForControl } from './control.ts'
import { DEFAULT_LIMITS, type ProxyLimits } from './limits.ts'
import { createLookup, type Lookup } from './lookup-addresses.ts'
import { createPods, preparePodFolder } from './pods.ts'

/** What a test may put in place of the real thing. */
export type EgressProxySeams = {
  readonly lookup?: Lookup
  readonly limits?: Partial<ProxyLimits>
  readonly log?: Logger
}

/** Builds the proxy's parts and starts them: pods, control socket, health. */
export async function startEgressProxy(
  config: EgressProxyConfig,
  seams: EgressProxySeams = {},
): Promise<RunningService & { log: Logger; opsPort: number }> {
  const log = seams.log ?? createLogger({ service: 'egress-proxy', level: config.logLevel, secrets: [] })
  const limits = { ...DEFAULT_LIMITS, ...seams.limits }
  const lookup = createLookup(limits.lookupTimeoutMs, seams.lookup)
  await preparePodFolder(config.socketFolder)
  const way = { list: config.allow, lookup, limits }
  const fromPolicy = config.fromPolicy === 'true'
  const pods = createPods({ folder: config.socketFolder, way, fromPolicy, log })
  const control = await listenForControl(config.controlSocket, pods, log)
  const ops = await startOpsServer({ port: config.opsPort, metrics: createMetrics(), notReady: async () => undefined })
  log.info({ opsPort: ops.port, allowed: [...config.allow], fromPolicy }, 'egress-proxy ready')
  return {
    log,
    opsPort: ops.port,
    async stop() {
      await control.close()
      await pods.close()
      await ops.close()
    },
  }
}
