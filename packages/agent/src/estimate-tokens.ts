import type { ModelBlock, ModelMessage, ToolOffer, ToolResultBlock } from './model-client.ts'

/**
 * Bytes a token covers at least on average in English prose and JSON. The vendor speaks of about four characters; 3.5
 * keeps the estimate on the high side.
 */
export const BYTES_PER_TOKEN = 3.5
/** What the API puts around a block (role, ids, marks), in bytes of such text. */
const BLOCK_BYTES = 40

/** A cautious estimate of a text's tokens; no replacement for the numbers the API reports. */
function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN)
}

/** What every request of a run carries before its first message: at most 2,000 tokens by design (DESIGN.md 12). */
export function estimateFixedTokens(systemPrompt: string, tools: readonly ToolOffer[]): number {
  return estimateTokens(systemPrompt) + estimateTokens(offersText(tools))
}

/** The same in bytes. */
export function fixedBytes(systemPrompt: string, tools: readonly ToolOffer[]): number {
  return Buffer.byteLength(systemPrompt) + (tools.length === 0 ? 0 : Buffer.byteLength(offersText(tools)))
}

/** Bytes of what the model reads of a message. A thinking block counts with its signature, which stands for its text. */
export function byteLengthOf(message: ModelMessage): number {
  return message.content.reduce((sum, block) => sum + BLOCK_BYTES + blockBytes(block), 0)
}

function blockBytes(block: ModelBlock | ToolResultBlock): number {
  switch (block.type) {
    case 'text':
    case 'tool_result':
      return Buffer.byteLength(block.text)
    case 'thinking':
      return Math.max(Buffer.byteLength(block.thinking), block.signature.length)
    case 'redacted_thinking':
      return block.data.length
    case 'tool_use':
      return Buffer.byteLength(block.name) + Buffer.byteLength(JSON.stringify(block.input) ?? '')
  }
}

function offersText(tools: readonly ToolOffer[]): string {
  return JSON.stringify(
    tools.map(({ name, description, inputSchema }) => ({ name, description, input_schema: inputSchema })),
  )
}
