import type { InboxItem, RepositoryName, TaskId } from '@devbot/contracts'
import { type Delivery, readDelivery } from '@devbot/github'
import type { FeedbackIntakeLedger } from '@devbot/queue'

export type AcceptedDelivery =
  | { readonly kind: 'queued'; readonly wake: readonly TaskId[] }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'ignored' | 'malformed'; readonly reason: string }

export type AcceptRules = {
  readonly allowedRepositories: readonly RepositoryName[]
  readonly branchPrefix: string
  /** Feedback waits so long for what belongs to it: a review's comments are deliveries of their own. */
  readonly settleMs: number
}

/**
 * Takes a delivery whose signature was verified: parses it and stores its items durably. Safe to repeat. Throws what
 * the ledger throws when it cannot store.
 */
export async function acceptDelivery(
  delivery: { readonly rawBody: Uint8Array; readonly event: string | undefined },
  ledger: FeedbackIntakeLedger,
  rules: AcceptRules,
): Promise<AcceptedDelivery> {
  const payload = parseJson(delivery.rawBody)
  if (payload === undefined) return { kind: 'malformed', reason: 'expected JSON in UTF-8' }
  const { allowedRepositories, branchPrefix } = rules
  const read = readDelivery({ event: delivery.event, payload: payload.value, allowedRepositories, branchPrefix })
  return read.kind === 'items' ? storeItems(read, ledger, rules.settleMs) : read
}

async function storeItems(
  delivery: Extract<Delivery, { kind: 'items' }>,
  ledger: FeedbackIntakeLedger,
  settleMs: number,
): Promise<AcceptedDelivery> {
  const wake: TaskId[] = []
  let isNew = false
  for (const item of delivery.items) {
    const waitMs = settleTimeOf(item, settleMs)
    const answer = await ledger.deliver(delivery.target, item, waitMs)
    if (answer.kind === 'duplicate') continue
    isNew = true
    // With a settling time the sweeper wakes the task when that is over.
    if (answer.taskId !== undefined && waitMs === 0) wake.push(answer.taskId)
  }
  return isNew ? { kind: 'queued', wake } : { kind: 'duplicate' }
}

/** A close or a merge has nothing to wait for. */
function settleTimeOf(item: InboxItem, settleMs: number): number {
  return item.kind === 'feedback' ? settleMs : 0
}

function parseJson(bytes: Uint8Array): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) }
  } catch {
    // Neither error says more than that it is not JSON, and both quote the text.
    return undefined
  }
}
