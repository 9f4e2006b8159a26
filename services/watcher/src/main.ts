import { createLogger, createMetrics, runService, startOpsServer } from '@devbot/config'
import { connectLedger, createTaskQueue } from '@devbot/queue'
import { loadWatcherConfig } from './config.ts'
import { startWatcher } from './start-watcher.ts'

/** How often the whole folder is looked at, whatever events said. */
const SCAN_SECONDS = 30

await runService(async () => {
  const config = loadWatcherConfig()
  const log = createLogger({ service: 'watcher', level: config.logLevel, secrets: [config.redisUrl] })
  const redis = { redisUrl: config.redisUrl.reveal(), instance: config.instance }
  const ledger = await connectLedger(redis)
  await ledger.checkSafety()
  await ledger.raiseVersion()
  const queue = createTaskQueue(redis)
  const watcher = startWatcher({
    directory: config.plansDirectory,
    ledger,
    queue,
    repositories: config.repositories,
    branchPrefix: config.branchPrefix,
    maxFirstStart: config.maxFirstStart,
    scanSeconds: SCAN_SECONDS,
    log,
  })
  const notReady = async () => watcher.notReady()
  const ops = await startOpsServer({ port: config.opsPort, metrics: createMetrics(), notReady })
  // A folder that cannot be watched at all ends the process: an unhandled rejection is a crash in `runService`.
  void watcher.ready.then(() => log.info({ directory: config.plansDirectory, opsPort: ops.port }, 'watcher ready'))
  return {
    log,
    async stop() {
      await watcher.close()
      await ops.close()
      await queue.close()
      await ledger.close()
    },
  }
})
