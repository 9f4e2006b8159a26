import { runService } from '@devbot/config'
import { loadGateConfig } from './config.ts'
import { startGate } from './start-gate.ts'

await runService(async () => startGate(loadGateConfig()))
