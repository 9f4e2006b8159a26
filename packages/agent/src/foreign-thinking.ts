import type { ModelBlock, ModelMessage } from './model-client.ts'

/**
 * Messages without the thinking of other models; `isForeign` is asked with the model a block names, undefined for the
 * run's own. The vendor's API drops what a model cannot read without a word, gateways may refuse it. Taking out all of
 * it keeps the rest valid: a model's thinking is bound to the messages before it as that model was sent them.
 * Source: platform.claude.com/docs/en/build-with-claude/preserved-thinking.
 */
export function withoutThinking(
  messages: readonly ModelMessage[],
  isForeign: (model: string | undefined) => boolean,
): readonly ModelMessage[] {
  return messages.map((message) => {
    if (message.role === 'user' || !message.content.some((block) => isThinking(block) && isForeign(block.model)))
      return message
    const content = message.content.filter((block) => !isThinking(block) || !isForeign(block.model))
    return { role: 'assistant', content: content.length > 0 ? content : [{ type: 'text', text: '(nothing)' }] }
  })
}

export function isThinking(
  block: ModelBlock,
): block is Extract<ModelBlock, { type: 'thinking' | 'redacted_thinking' }> {
  return block.type === 'thinking' || block.type === 'redacted_thinking'
}
