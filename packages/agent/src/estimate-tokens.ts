import type { ToolOffer } from './model-client.ts'

/**
 * Bytes a token covers at least on average in English prose and JSON. The vendor speaks of about four characters; 3.5
 * keeps the estimate on the high side.
 */
const BYTES_PER_TOKEN = 3.5

/** A cautious estimate of a text's tokens; no replacement for the numbers the API reports. */
function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN)
}

/** What every request of a run carries before its first message: at most 2,000 tokens by design (DESIGN.md 12). */
export function estimateFixedTokens(systemPrompt: string, tools: readonly ToolOffer[]): number {
  const offers = tools.map(({ name, description, inputSchema }) => ({ name, description, input_schema: inputSchema }))
  return estimateTokens(systemPrompt) + estimateTokens(JSON.stringify(offers))
}
