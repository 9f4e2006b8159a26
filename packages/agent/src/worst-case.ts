import type { ModelClient } from './model-client.ts'
import { costMicroUsd } from './prices.ts'

export type PricedModel = Pick<ModelClient, 'model' | 'prices'>

/** A large number of tokens from which the price of one is derived, so that rounding does not count. */
const MANY = 1_000_000

/** What a call costs at most: nothing of its prompt is read from cache, and the reply has its full length. */
export function worstCostMicroUsd(model: PricedModel, inputTokens: number, outputTokens: number): number {
  const usage = {
    inputTokens: 0,
    cacheReadTokens: 0,
    cacheWriteTokens: inputTokens,
    outputTokens,
    requestBytes: inputTokens,
    maxOutputTokens: outputTokens,
  }
  return costMicroUsd(model.model, usage, model.prices)
}

/** How many tokens of reply the money pays for beside the prompt; less than 0 when not even the prompt. */
export function affordableOutput(model: PricedModel, inputTokens: number, moneyMicroUsd: number): number {
  const promptCost = worstCostMicroUsd(model, inputTokens, 0)
  const each = (worstCostMicroUsd(model, inputTokens, MANY) - promptCost) / MANY
  const left = moneyMicroUsd - promptCost
  return each === 0 ? (left >= 0 ? Number.POSITIVE_INFINITY : -1) : Math.floor(left / each)
}
