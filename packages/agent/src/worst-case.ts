import type { ModelClient } from './model-client.ts'
import { costMicroUsd } from './prices.ts'

export type PricedModel = Pick<ModelClient, 'model' | 'mayAsk' | 'prices'>

/** A large number of tokens from which the price of one is derived, so that rounding does not count. */
const MANY = 1_000_000

/** What a call costs at most: nothing of its prompt is read from cache, and the reply has its full length. */
export function worstCostMicroUsd(model: PricedModel, inputTokens: number, outputTokens: number): number {
  return Math.max(...namesOf(model).map((name) => costOf(name, model, inputTokens, outputTokens)))
}

/** How many tokens of reply the money pays for beside the prompt; less than 0 when not even the prompt. */
export function affordableOutput(model: PricedModel, inputTokens: number, moneyMicroUsd: number): number {
  return Math.min(
    ...namesOf(model).map((name) => {
      const promptCost = costOf(name, model, inputTokens, 0)
      const each = (costOf(name, model, inputTokens, MANY) - promptCost) / MANY
      const left = moneyMicroUsd - promptCost
      if (each === 0) return left >= 0 ? Number.POSITIVE_INFINITY : -1
      return Math.floor(left / each)
    }),
  )
}

function namesOf({ model, mayAsk = [] }: PricedModel): readonly string[] {
  return [model, ...mayAsk]
}

function costOf(name: string, { prices }: PricedModel, inputTokens: number, outputTokens: number): number {
  const usage = {
    inputTokens: 0,
    cacheReadTokens: 0,
    cacheWriteTokens: inputTokens,
    outputTokens,
    requestBytes: inputTokens,
    maxOutputTokens: outputTokens,
  }
  return costMicroUsd(name, usage, prices)
}
