import { runService } from '@devbot/config'
import { loadWorkerConfig } from './config.ts'
import { startWorker } from './start-worker.ts'

await runService(async () => startWorker(loadWorkerConfig()))
