import { createHash } from 'node:crypto'
import { DevBotError } from '@devbot/contracts'
import type { ModelBlock, ModelClient, ModelMessage, ModelReply, ModelRequest } from '../model-client.ts'
import { conversationProblem } from './loop-harness.ts'

export type StrictModelOptions = {
  /** The real window: a longer prompt is refused, a reply beyond it ends as `model_context_window_exceeded`. */
  readonly windowTokens: number
  /** The reply of a turn, from 1; its thinking is signed here. */
  readonly reply: (turn: number, request: ModelRequest) => Partial<ModelReply>
  /** Sees each request that was valid. */
  readonly onRequest?: (request: ModelRequest, tokens: number) => void
}

/** Bytes of a token here; another number than the one DevBot guesses with. */
const BYTES_PER_TOKEN = 3

/**
 * A model that takes requests as strictly as the API: roles in turns, every call answered at once and ids used once, no
 * empty text, thinking only below the very prefix it was made under, prompt and reply within the window. What breaks a
 * rule fails the test. Counts tokens, and tells how often a request did not begin with the one before.
 */
export function createStrictModel(options: StrictModelOptions) {
  let turn = 0
  let before: readonly string[] = []
  let brokenPrefixes = 0
  const model: ModelClient = {
    model: 'claude-sonnet-5-5',
    maxOutputTokens: 32_000,
    async ask(request) {
      const prefixes = prefixesOf(request)
      const problem = conversationProblem(request.messages) ?? thinkingProblem(request.messages, prefixes)
      if (problem !== undefined) throw new Error(`turn ${turn + 1}: ${problem}`)
      const requestBytes = byteLength([request.system, request.tools, request.messages])
      const tokens = Math.ceil(requestBytes / BYTES_PER_TOKEN)
      if (tokens > options.windowTokens) throw tooLong()
      options.onRequest?.(request, tokens)
      if (before.some((hash, index) => prefixes[index] !== hash)) brokenPrefixes += 1
      before = prefixes
      turn += 1
      return finished(options.reply(turn, request), request, { tokens, requestBytes, prefix: prefixes.at(-1) ?? '' })
    },
  }

  function finished(
    reply: Partial<ModelReply>,
    request: ModelRequest,
    {
      tokens,
      requestBytes,
      prefix,
    }: { readonly tokens: number; readonly requestBytes: number; readonly prefix: string },
  ): ModelReply {
    const content = (reply.content ?? []).map((block) =>
      block.type === 'thinking' ? { ...block, signature: signatureFor(prefix, block.thinking) } : block,
    )
    const maxOutputTokens = request.maxOutputTokens ?? model.maxOutputTokens
    const outputTokens = Math.max(1, Math.ceil(byteLength(content) / BYTES_PER_TOKEN))
    const asked = content.some((block) => block.type === 'tool_use') ? 'tool_use' : 'end_turn'
    return {
      content,
      stopReason:
        reply.stopReason ??
        (tokens + outputTokens > options.windowTokens
          ? 'model_context_window_exceeded'
          : outputTokens > maxOutputTokens
            ? 'max_tokens'
            : asked),
      usage: {
        inputTokens: tokens,
        outputTokens: Math.min(outputTokens, maxOutputTokens),
        requestBytes,
        maxOutputTokens,
      },
    }
  }

  return { model, turns: () => turn, brokenPrefixes: () => brokenPrefixes }
}

/** A thinking block to be signed by the model. */
export function thinking(text: string): ModelBlock {
  return { type: 'thinking', thinking: text, signature: '' }
}

/** One hash per message, of all that stands up to its end; the first is that of system prompt and tools. */
function prefixesOf(request: ModelRequest): readonly string[] {
  let hash = digest(JSON.stringify([request.system, request.tools]))
  return [hash, ...request.messages.map((message) => (hash = digest(hash + JSON.stringify(message))))]
}

function thinkingProblem(messages: readonly ModelMessage[], prefixes: readonly string[]): string | undefined {
  for (const [index, message] of messages.entries()) {
    for (const block of message.content) {
      if (block.type !== 'thinking' || block.signature === signatureFor(prefixes[index] ?? '', block.thinking)) continue
      return `message ${index} has thinking that is bound to a different conversation`
    }
  }
  return undefined
}

function signatureFor(prefix: string, text: string): string {
  return digest(`${prefix}\0${text}`)
}

function tooLong(): DevBotError {
  return new DevBotError({ category: 'invalid-input', code: 'model-request-too-long', message: 'too long' })
}

function byteLength(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value))
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64')
}
