import { createHash } from 'node:crypto'
import type { PromptBlock } from './prompt-blocks.ts'
import { type Refusal, refusal } from './refusal.ts'
import { blocksOf, type MessagesRequest } from './request.ts'

/** Signs a thinking block: with the prefix it was produced under and the text that was shown. */
export function signThinking(prefixHash: string, shownThinking: string): string {
  const digest = createHash('sha256').update(`${prefixHash}\0${shownThinking}`).digest('base64')
  return `RXBsYXk${digest}`
}

/**
 * A thinking block has to come back as it was given, below the same system prompt, tools and messages.
 * Source: build-with-claude/preserved-thinking/fix-bound-to-a-different-conversation (all current models), and
 * ThinkingBlockParam in the SDK. An edited text and an edited history are told apart only by the API.
 * Not played: a block of another model, which the API drops without a word.
 */
export function signatureProblem(request: MessagesRequest, blocks: readonly PromptBlock[]): Refusal | undefined {
  for (const [index, message] of request.messages.entries()) {
    const before = blocks.findLast((block) => block.message === undefined || block.message < index)
    for (const [position, block] of blocksOf(message.content).entries()) {
      if (block.type !== 'thinking' || block.signature === signThinking(before?.prefixHash ?? '', block.thinking))
        continue
      return refusal(
        'thinking-signature',
        `messages.${index}.content.${position}: Invalid \`signature\` in \`thinking\` block. The block is bound to a different conversation. Remove the block, or set \`thinking.block_binding.prefix_mismatch_behavior\` to "drop_block".`,
      )
    }
  }
  return undefined
}
