import type { ModelUsage } from './model-client.ts'

/** US dollars per million tokens, which is the same number as micro-dollars per token. */
type Price = {
  readonly input: number
  readonly output: number
  /** Writing the cache for five minutes, the only lifetime DevBot asks for. */
  readonly cacheWrite: number
  readonly cacheRead: number
}
type ModelPrice = Price & {
  /** Where a long prompt costs more: the price of the whole request once its input exceeds `overTokens`. */
  readonly longPrompt?: Price & { readonly overTokens: number }
}

/**
 * Source: Anthropic's price list (platform.claude.com/docs, "Pricing" and the models' overview pages), as it stood on
 * 2026-10-24: cache reads cost a twentieth of input for Sonnet 5.5 (since 2026-10-07) and Opus 5.5, a fortieth for
 * Fable 5.1, a tenth for the others; five-minute cache writes cost 1.25 times input.
 */
const PRICES: Readonly<Record<string, ModelPrice>> = {
  'claude-fable-5-1': { input: 10, output: 50, cacheWrite: 12.5, cacheRead: 0.25 },
  'claude-opus-5-5': { input: 4, output: 20, cacheWrite: 5, cacheRead: 0.2 },
  'claude-opus-5': { input: 5, output: 25, cacheWrite: 6.25, cacheRead: 0.5 },
  'claude-sonnet-5-5': { input: 2, output: 10, cacheWrite: 2.5, cacheRead: 0.1 },
  'claude-sonnet-5': { input: 2, output: 10, cacheWrite: 2.5, cacheRead: 0.2 },
  'claude-haiku-5-5': {
    input: 0.1,
    output: 0.5,
    cacheWrite: 0.125,
    cacheRead: 0.01,
    longPrompt: { overTokens: 100_000, input: 0.5, output: 2.5, cacheWrite: 0.625, cacheRead: 0.05 },
  },
  'claude-haiku-4-5': { input: 1, output: 5, cacheWrite: 1.25, cacheRead: 0.1 },
}

/** For a model without a known price: the dearest of each column, so that an unknown model can only end a run early. */
const DEAREST: Price = {
  input: Math.max(...Object.values(PRICES).map((price) => price.input)),
  output: Math.max(...Object.values(PRICES).map((price) => price.output)),
  cacheWrite: Math.max(...Object.values(PRICES).map((price) => price.cacheWrite)),
  cacheRead: Math.max(...Object.values(PRICES).map((price) => price.cacheRead)),
}

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

/** What a call costs in millionths of a US dollar, rounded up. */
export function costMicroUsd(model: string, usage: ModelUsage): number {
  const tokens = countUsage(usage)
  const price = priceOf(model, tokens.inputTokens + tokens.cacheReadTokens + tokens.cacheWriteTokens)
  const cost =
    tokens.inputTokens * price.input +
    tokens.outputTokens * price.output +
    tokens.cacheReadTokens * price.cacheRead +
    tokens.cacheWriteTokens * price.cacheWrite
  // Rounded at a thousandth first: 3 * 0.1 is a little over 0.3, and must not become one micro-dollar more.
  return Math.ceil(Math.round(cost * 1000) / 1000)
}

/** Whether the price of this model is known; an unknown one is counted at the dearest known price. */
export function hasKnownPrice(model: string): boolean {
  return knownPrice(model) !== undefined
}

function priceOf(model: string, promptTokens: number): Price {
  const price = knownPrice(model)
  if (price === undefined) return DEAREST
  return price.longPrompt !== undefined && promptTokens > price.longPrompt.overTokens ? price.longPrompt : price
}

/** A dated name (`claude-haiku-4-5-20251001`) costs what its family costs. */
function knownPrice(model: string): ModelPrice | undefined {
  const family = model.replace(/-\d{8}$/, '')
  return Object.hasOwn(PRICES, family) ? PRICES[family] : undefined
}
