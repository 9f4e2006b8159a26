/** For programs that start a worker with something around its ports; services do not import each other. */
export { loadWorkerConfig } from './config.ts'
export type { WorkerDeps } from './deps.ts'
export { startWorker } from './start-worker.ts'
