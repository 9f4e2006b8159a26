import { DevBotError } from '@devbot/contracts'
import type { ModelBlock, ModelClient, ModelReply, ModelRequest } from '../model-client.ts'

/** A reply, or what happens instead of one. */
export type ScriptedReply =
  | Partial<ModelReply>
  | ((request: ModelRequest) => Partial<ModelReply> | Promise<Partial<ModelReply>>)

/**
 * A model that gives the scripted replies in order and keeps what it was asked (a copy: the conversation grows). Asked
 * more often than that, it throws.
 */
export function createScriptedModel(
  replies: readonly ScriptedReply[],
): ModelClient & { readonly requests: ModelRequest[] } {
  const requests: ModelRequest[] = []
  return {
    model: 'claude-sonnet-5-5',
    maxOutputTokens: 32_000,
    requests,
    async ask(request) {
      requests.push({ ...request, messages: structuredClone(request.messages) })
      const scripted = replies[requests.length - 1]
      if (scripted === undefined) {
        throw new DevBotError({
          category: 'bug',
          code: 'script-ended',
          message: `The script has only ${replies.length} replies.`,
        })
      }
      const reply = typeof scripted === 'function' ? await scripted(request) : scripted
      const content = reply.content ?? []
      const stopReason =
        reply.stopReason ?? (content.some((block) => block.type === 'tool_use') ? 'tool_use' : 'end_turn')
      const usage = { inputTokens: 100, outputTokens: 10, requestBytes: 400, maxOutputTokens: 1000, ...reply.usage }
      return { content, stopReason, usage }
    },
  }
}

let calls = 0
/** A tool_use block with an id of its own. */
export function toolUse(name: string, input: unknown, id?: string): ModelBlock {
  calls += 1
  return { type: 'tool_use', id: id ?? `toolu_${calls}`, name, input }
}

export function text(value: string): ModelBlock {
  return { type: 'text', text: value }
}
