import { runService } from '@devbot/config'
import { loadWorkerConfig, startWorker } from '@devbot/worker'
import { aroundReports } from './around-reports.ts'
import { aroundWorker } from './around-worker.ts'
import { createCrashPoints } from './crash-points.ts'

/** The worker, as its own `main.ts` starts it, with crash points; the argument is the folder it shares with the runner. */
await runService(async () => {
  const [directory = ''] = process.argv.slice(2)
  const points = createCrashPoints(directory)
  const config = loadWorkerConfig()
  aroundReports(config.plansDirectory, points)
  return startWorker(config, { around: (deps) => aroundWorker(deps, points) })
})
