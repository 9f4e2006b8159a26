import type { Conversation } from './context/conversation.ts'
import type { AgentEnding, AgentLimits, AgentTotals, Reservation } from './ports.ts'
import { affordableOutput, type PricedModel } from './worst-case.ts'

export type LimitReached = Extract<AgentEnding, { kind: 'limit-reached' }>

/** A shorter reply than this could hardly carry a thought and a call: such a call is not paid for. */
const LEAST_OUTPUT_TOKENS = 2_000

/** What the next call may be: how large its prompt is at most, and between which lengths its reply may end. */
export type Allowance = {
  readonly kind: 'allowed'
  readonly inputTokens: number
  readonly mostOutputTokens: number
  readonly leastOutputTokens: number
}

export type CallToMake = {
  readonly model: PricedModel
  /** Ceiling of the reply. */
  readonly maxOutputTokens: number
  /** A shorter reply would be of no use; `LEAST_OUTPUT_TOKENS` when absent. */
  readonly leastOutputTokens?: number | undefined
  readonly conversation: Pick<Conversation, 'size' | 'windowTokens'>
  readonly totals: AgentTotals
  readonly nowMs: number
}

/** Turns and time: whether there may be another turn at all. */
export function turnsOrTimeOver(limits: AgentLimits, turns: number, nowMs: number): LimitReached | undefined {
  // Written as "not below", here and later, so that a limit that is no number stops the run instead of never being reached.
  const used = limits.turnsBefore + turns
  if (!(used < limits.maxTurns)) return reached('turns', `${used} of ${limits.maxTurns} turns used`)
  return nowMs < limits.deadlineMs ? undefined : deadlineReached(limits, nowMs)
}

/**
 * Decides before a call is paid what it may be, so that no ceiling is passed even where nothing of the prompt is cached
 * and the reply has its full length. Where not all of that fits, the reply is allowed less.
 */
export function allowCall(limits: AgentLimits, call: CallToMake): Allowance | LimitReached {
  const { totals, conversation, model } = call
  const size = conversation.size()
  const over = turnsOrTimeOver(limits, totals.turns, call.nowMs)
  if (over !== undefined) return over
  const least = Math.min(call.leastOutputTokens ?? LEAST_OUTPUT_TOKENS, call.maxOutputTokens)

  const inWindow = Math.min(call.maxOutputTokens, conversation.windowTokens() - size.likely)
  if (!(inWindow >= least)) return contextReached(conversation)

  const used = limits.usedTokens + tokensOf(totals)
  const inTokens = Math.min(inWindow, limits.maxTokens - used - size.atMost)
  if (!(inTokens >= least)) {
    return reached(
      'tokens',
      `${used} of ${limits.maxTokens} tokens used on the task, the next call may take ${size.atMost + least}`,
    )
  }

  const spent = limits.spentMicroUsd + totals.costMicroUsd
  const inMoney = Math.min(inTokens, affordableOutput(model, size.atMost, limits.maxCostMicroUsd - spent))
  if (!(inMoney >= least)) {
    return reached(
      'cost',
      `${usd(spent)} of ${usd(limits.maxCostMicroUsd)} spent on the task, and the next call may cost more than is left`,
    )
  }
  return { kind: 'allowed', inputTokens: size.atMost, mostOutputTokens: inMoney, leastOutputTokens: least }
}

function tokensOf(totals: AgentTotals): number {
  return totals.inputTokens + totals.outputTokens + totals.cacheReadTokens + totals.cacheWriteTokens
}

/** The end of a conversation that cannot be shortened further. */
export function contextReached(conversation: Pick<Conversation, 'size' | 'windowTokens'>): LimitReached {
  return reached(
    'context',
    `the conversation has about ${conversation.size().likely} tokens and cannot be shortened further, the model's context window has ${conversation.windowTokens()}`,
  )
}

export function dayReached(refused: Extract<Reservation, { kind: 'refused' }>): LimitReached {
  const others = refused.reservedMicroUsd > 0 ? `, ${usd(refused.reservedMicroUsd)} set aside for calls under way` : ''
  return reached(
    'cost-per-day',
    `${usd(refused.spentMicroUsd)} of ${usd(refused.ceilingMicroUsd)} spent today${others}, and the next call may cost more than is left`,
  )
}

export function deadlineReached(limits: AgentLimits, nowMs: number): LimitReached {
  const overS = Math.max(0, Math.round((nowMs - limits.deadlineMs) / 1000))
  return reached('minutes', `the time for the run is used up (by ${overS} s at its end)`)
}

function reached(limit: LimitReached['limit'], detail: string): LimitReached {
  return { kind: 'limit-reached', limit, detail }
}

function usd(microUsd: number): string {
  return `$${(microUsd / 1_000_000).toFixed(4)}`
}
