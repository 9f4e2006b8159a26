import { DevBotError } from '@devbot/contracts'
import { isThinking, withoutThinking } from './foreign-thinking.ts'
import type { ModelClient, ModelReply, ModelRequest } from './model-client.ts'

/** What makes a second model worth a try: the first one cannot be had now, and another one may. */
const UNAVAILABLE: ReadonlySet<string> = new Set([
  'model-overloaded',
  'model-failed',
  'model-rate-limited',
  'model-stream-broken',
  'model-stream-silent',
])

export type ModelSwitch = { readonly from: string; readonly to: string; readonly code: string }

/**
 * Two models as one, for one run: the second is asked once the first cannot be had after its own retries, and from then
 * on; going back and forth would lose the cache each time. Thinking goes back only to the model that thought it.
 */
export function createFallbackModel(
  first: ModelClient,
  second: ModelClient,
  onSwitch: (change: ModelSwitch) => void,
): ModelClient {
  let current = first
  const askSecond: ModelClient['ask'] = async (request) => {
    const messages = withoutThinking(request.messages, (model) => model !== second.model)
    return signed(await second.ask({ ...countedFor(second.model, request), messages }), second.model)
  }
  return {
    get model() {
      return current.model
    },
    maxOutputTokens: Math.min(first.maxOutputTokens, second.maxOutputTokens),
    mayAsk: [second.model],
    prices: first.prices,
    async ask(request) {
      if (current === second) return askSecond(request)
      try {
        return await first.ask(countedFor(first.model, request, (code) => UNAVAILABLE.has(code)))
      } catch (error) {
        if (!(error instanceof DevBotError) || !UNAVAILABLE.has(error.code) || request.signal.aborted) throw error
        current = second
        onSwitch({ from: first.model, to: second.model, code: error.code })
        return askSecond(request)
      }
    },
  }
}

/** A reply of the second model, with its name on what it used and thought. */
function signed(reply: ModelReply, model: string): ModelReply {
  const content = reply.content.map((block) => (isThinking(block) ? { ...block, model } : block))
  return { ...reply, content, usage: { ...reply.usage, model } }
}

/**
 * What a failed attempt used was paid for at the price of the model that was asked, whichever is asked by then. A last
 * attempt that another model follows is told as one that is tried again.
 */
function countedFor(
  model: string,
  request: ModelRequest,
  goesOn: (code: string) => boolean = () => false,
): ModelRequest {
  const { onFailedAttempt, signal } = request
  if (onFailedAttempt === undefined) return request
  return {
    ...request,
    onFailedAttempt: ({ usage, ...attempt }) =>
      onFailedAttempt({
        ...(goesOn(attempt.code) && !signal.aborted ? { retryInMs: 0 } : {}),
        ...attempt,
        ...(usage === undefined ? {} : { usage: { ...usage, model } }),
      }),
  }
}
