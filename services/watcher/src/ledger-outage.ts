import type { Logger } from '@devbot/config'
import { categoryOf } from '@devbot/contracts'
import { pause } from './pause.ts'

const FIRST_WAIT_MS = 250
const LONGEST_WAIT_MS = 5_000

export type LedgerOutage = {
  readonly active: () => boolean
  /** A call to the ledger failed. The first of an outage is logged and starts the asking; the rest change nothing. */
  report(error: unknown): void
  close(): Promise<void>
}

/**
 * Knows whether the ledger is away. While it is, it is asked again and again with growing pauses, and `onBack` is called
 * once it answers. One log line when it goes, one when it comes back.
 */
export function createLedgerOutage(options: {
  readonly ask: () => Promise<unknown>
  readonly onBack: () => void
  readonly log: Logger
}): LedgerOutage {
  const closing = new AbortController()
  let asking: Promise<void> | undefined

  async function askUntilBack(): Promise<void> {
    const startedAtMs = Date.now()
    let waitMs = FIRST_WAIT_MS
    while (await pause(waitMs, closing.signal)) {
      if (await answers()) {
        asking = undefined
        options.log.info({ awayMs: Date.now() - startedAtMs }, 'the ledger is back; the plan folder is read again')
        return options.onBack()
      }
      waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 2)
    }
  }

  async function answers(): Promise<boolean> {
    try {
      await options.ask()
      return true
    } catch (error) {
      if (categoryOf(error) !== 'transient') options.log.error({ error }, 'the ledger answers with an error')
      return false
    }
  }

  return {
    active: () => asking !== undefined,
    report(error) {
      if (asking !== undefined || closing.signal.aborted) return
      options.log.warn({ error }, 'the ledger is away; plans stay in the folder and are taken up when it is back')
      asking = askUntilBack()
    },
    async close() {
      closing.abort()
      await asking
    },
  }
}
