import { categoryOf, DevBotError } from '@devbot/contracts'
import type { Logger } from './logger.ts'

/** What `start` hands back: how to stop, newest part first. */
export type RunningService = { readonly stop: () => Promise<void> }

/** Time a service has to stop after SIGTERM before it exits anyway; below compose's `stop_grace_period`. */
const STOP_DEADLINE_MS = 20_000

/**
 * Runs a service until SIGTERM or SIGINT: starts it, stops it in order, exits 0. A bad setting ends it at once with
 * exit code 2 and one readable message; anything else that goes wrong at start or escapes later is logged with its
 * stack and ends the process with 1, so that compose restarts it.
 */
export async function runService(start: () => Promise<RunningService & { readonly log: Logger }>): Promise<void> {
  try {
    const service = await start()
    stopOnSignal(service)
    process.on('unhandledRejection', (error) => crash(service.log, error))
    process.on('uncaughtException', (error) => crash(service.log, error))
  } catch (error) {
    process.stderr.write(`${startFailure(error)}\n`)
    process.exit(categoryOf(error) === 'config' ? 2 : 1)
  }
}

function stopOnSignal(service: RunningService & { readonly log: Logger }): void {
  let stopping = false
  const stop = async (signal: string) => {
    if (stopping) return
    stopping = true
    service.log.info({ signal }, 'stopping')
    setTimeout(() => process.exit(1), STOP_DEADLINE_MS).unref()
    try {
      await service.stop()
      process.exit(0)
    } catch (error) {
      service.log.error({ error }, 'stopping failed')
      process.exit(1)
    }
  }
  process.on('SIGTERM', () => void stop('SIGTERM'))
  process.on('SIGINT', () => void stop('SIGINT'))
}

function crash(log: Logger, error: unknown): void {
  log.fatal({ error }, 'a bug: an error nobody handled; the service ends and is to be started again')
  process.exit(1)
}

function startFailure(error: unknown): string {
  if (error instanceof DevBotError && error.category !== 'bug') return `devbot cannot start: ${error.message}`
  return `devbot cannot start: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
}
