import type { PlanIntakeLedger } from '@devbot/queue'
import { withDeadline } from './with-deadline.ts'

/** A health check that waits longer is taken for a failed one by whoever asks. */
const ANSWER_TIMEOUT_MS = 2_000

/** What keeps the service from storing deliveries, if anything; asked with a read that changes nothing. */
export async function ledgerProblem(ledger: Pick<PlanIntakeLedger, 'countTasks'>): Promise<string | undefined> {
  try {
    await withDeadline(ledger.countTasks(), ANSWER_TIMEOUT_MS, 'ledger-silent')
    return undefined
  } catch {
    // Whoever asks for health needs a yes or no; a delivery that cannot be stored logs the reason.
    return 'the ledger (Redis) does not answer'
  }
}
