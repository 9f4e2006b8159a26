import { DevBotError } from '@devbot/contracts'
import type { AgentEvent } from './agent-event.ts'
import { allowCall, dayReached, type LimitReached } from './check-limits.ts'
import type { Conversation } from './context/conversation.ts'
import type { FailedAttempt, ModelClient, ModelReply, ModelUsage, ToolOffer } from './model-client.ts'
import type { AgentLimits, AgentTotals, Reservation, Spending } from './ports.ts'
import { costMicroUsd, countUsage } from './prices.ts'
import { affordableOutput, worstCostMicroUsd } from './worst-case.ts'

export type PaidCall = {
  readonly turn: number
  readonly model: ModelClient
  readonly system: string
  readonly offers: readonly ToolOffer[]
  readonly conversation: Pick<Conversation, 'messages' | 'size' | 'windowTokens'>
  /** Ceiling of the reply; the model's own when absent. */
  readonly maxOutputTokens?: number
  readonly limits: AgentLimits
  readonly spending: Spending
  readonly totals: { -readonly [Key in keyof AgentTotals]: number }
  readonly onEvent: (event: AgentEvent) => void
  readonly stop: AbortSignal
  readonly now: () => number
}

export type PaidReply = {
  readonly kind: 'replied'
  readonly reply: ModelReply
  /** With what attempts used that broke off before it. */
  readonly costMicroUsd: number
  /** Resolves when the cost is booked. To be awaited beside what else has to be durable. */
  readonly booked: () => Promise<void>
}

/**
 * One call within all ceilings: its worst case is set aside before, what it really cost is booked after, and where less
 * fits than a full reply, a shorter one is asked for. Attempts that break off are booked one by one, and none is
 * repeated without a reservation of its own. Throws what the model throws.
 */
export async function askPaid(call: PaidCall): Promise<PaidReply | LimitReached> {
  const account = createAccount(call)
  const opened = await account.open()
  if (opened.kind === 'limit-reached') return opened
  const { maxOutputTokens } = opened
  try {
    const reply = await call.model.ask({
      system: call.system,
      tools: call.offers,
      messages: call.conversation.messages(),
      signal: call.stop,
      maxOutputTokens,
      onFailedAttempt: (attempt) => afterFailure(call, account, attempt, maxOutputTokens),
    })
    const booked = account.close(reply.usage)
    return { kind: 'replied', reply, costMicroUsd: account.costMicroUsd(), booked }
  } catch (error) {
    await account.close()()
    if (error instanceof NoRoomForRetry) return error.limit
    throw error
  }
}

async function afterFailure(call: PaidCall, account: Account, attempt: FailedAttempt, maxOutputTokens: number) {
  const { code, usage, retryInMs } = attempt
  if (retryInMs !== undefined) call.onEvent({ kind: 'model-retry', turn: call.turn, code, delayMs: retryInMs })
  if (usage === undefined) return
  await account.close(usage)()
  if (retryInMs === undefined) return
  const reopened = await account.open(maxOutputTokens)
  if (reopened.kind === 'limit-reached') throw new NoRoomForRetry(reopened)
}

/** Carries a limit out through the model client. */
class NoRoomForRetry extends DevBotError {
  readonly limit: LimitReached
  constructor(limit: LimitReached) {
    super({ category: 'cancelled', code: 'no-room-for-retry', message: limit.detail })
    this.limit = limit
  }
}

type Account = ReturnType<typeof createAccount>

/** The money of one call: one reservation at a time, each closed with what was used. */
function createAccount(call: PaidCall) {
  const { model, totals } = call
  let open: Extract<Reservation, { kind: 'reserved' }> | undefined
  let costSoFar = 0

  return {
    costMicroUsd: () => costSoFar,

    /** Sets the worst case aside; `exactly` this long a reply, or as long a one as fits. */
    async open(exactly?: number): Promise<{ readonly kind: 'open'; readonly maxOutputTokens: number } | LimitReached> {
      const allowed = allowCall(call.limits, {
        model,
        maxOutputTokens: exactly ?? Math.min(call.maxOutputTokens ?? model.maxOutputTokens, model.maxOutputTokens),
        leastOutputTokens: exactly,
        conversation: call.conversation,
        totals,
        nowMs: call.now(),
      })
      if (allowed.kind === 'limit-reached') return allowed
      const { inputTokens, mostOutputTokens, leastOutputTokens } = allowed
      const wantedMicroUsd = worstCostMicroUsd(model, inputTokens, mostOutputTokens)
      const reservation = await call.spending.reserve({
        wantedMicroUsd,
        leastMicroUsd: worstCostMicroUsd(model, inputTokens, leastOutputTokens),
        assumedMicroUsd: worstCostMicroUsd(model, inputTokens, 0),
      })
      if (reservation.kind === 'refused') return dayReached(reservation)
      open = reservation
      const paidFor = affordableOutput(model, inputTokens, reservation.microUsd)
      return { kind: 'open', maxOutputTokens: Math.min(mostOutputTokens, Math.max(paidFor, leastOutputTokens)) }
    },

    /** Counts what was used, if anything, at once; what it returns books it. */
    close(usage?: ModelUsage): () => Promise<void> {
      const cost = usage === undefined ? 0 : costMicroUsd(model.model, usage, model.prices)
      if (usage !== undefined) addUsage(totals, usage, cost)
      costSoFar += cost
      const reservation = open
      open = undefined
      return async () => reservation?.settle(cost)
    },
  }
}

function addUsage(totals: PaidCall['totals'], usage: ModelUsage, cost: number): void {
  const tokens = countUsage(usage)
  for (const key of ['inputTokens', 'outputTokens', 'cacheReadTokens', 'cacheWriteTokens'] as const) {
    totals[key] += tokens[key]
  }
  totals.costMicroUsd += cost
}
