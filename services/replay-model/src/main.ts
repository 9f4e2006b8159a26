import { createLogger, runService } from '@devbot/config'
import { readConfig } from './config.ts'
import { startReplayModel } from './start-replay-model.ts'

await runService(async () => {
  const config = readConfig()
  const log = createLogger({ service: 'replay-model', level: config.logLevel, secrets: [config.apiKey] })
  const { port, host, trajectories } = config
  const { stop } = await startReplayModel({ port, host, trajectories, apiKey: config.apiKey.reveal(), log })
  return { log, stop }
})
