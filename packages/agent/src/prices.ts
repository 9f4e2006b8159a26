import type { ModelUsage } from './model-client.ts'
import { createPriceTable, type PriceTable } from './price-table.ts'

const KNOWN = createPriceTable()

export type CountedTokens = {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cacheReadTokens: number
  readonly cacheWriteTokens: number
}

/**
 * The tokens a call is counted with. A number that is missing, negative or no number is replaced by the most it can
 * have been: for input one token per byte of the request (no tokenizer makes more), for output the request's maximum.
 * Zero output, and no input of any kind, are impossible for a paid call and count as missing. Missing cache numbers
 * are zero only beside an input number, because then that number is the whole input.
 */
export function countUsage(usage: ModelUsage): CountedTokens {
  const cacheReadTokens = usable(usage.cacheReadTokens) ?? 0
  const cacheWriteTokens = usable(usage.cacheWriteTokens) ?? 0
  const told = usable(usage.inputTokens)
  const inputTokens = told === undefined || told + cacheReadTokens + cacheWriteTokens === 0 ? usage.requestBytes : told
  const outputTokens = usable(usage.outputTokens) || usage.maxOutputTokens
  return { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens }
}

function usable(value: number | undefined): number | undefined {
  return value !== undefined && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

/** What a call costs in millionths of a US dollar, rounded up. `usage.model` wins over `model`. */
export function costMicroUsd(model: string, usage: ModelUsage, prices: PriceTable = KNOWN): number {
  const tokens = countUsage(usage)
  const promptTokens = tokens.inputTokens + tokens.cacheReadTokens + tokens.cacheWriteTokens
  const price = prices.priceOf(usage.model ?? model, promptTokens)
  const cost =
    tokens.inputTokens * price.input +
    tokens.outputTokens * price.output +
    tokens.cacheReadTokens * price.cacheRead +
    tokens.cacheWriteTokens * price.cacheWrite
  // Rounded at a thousandth first: 3 * 0.1 is a little over 0.3, and must not become one micro-dollar more.
  return Math.ceil(Math.round(cost * 1000) / 1000)
}

/** Whether the price of this model is known; an unknown one is counted at the dearest known price. */
export function hasKnownPrice(model: string, prices: PriceTable = KNOWN): boolean {
  return prices.knows(model)
}
