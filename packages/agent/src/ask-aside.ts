import type { LimitReached } from './check-limits.ts'
import { createConversation } from './context/conversation.ts'
import { fixedBytes } from './estimate-tokens.ts'
import { nativeProtocol } from './native-protocol.ts'
import { askPaid, type PaidCall } from './paid-call.ts'
import { countUsage } from './prices.ts'

/** A question in a context of its own: no tools, one answer. */
export type Question = { readonly system: string; readonly message: string; readonly maxOutputTokens: number }

export type Answer = {
  readonly kind: 'answered'
  readonly text: string
  /** The answer's own, for the record; they count to the run's limits already. */
  readonly tokens: {
    readonly input: number
    readonly output: number
    readonly cacheRead: number
    readonly cacheWrite: number
  }
}

/** Asks the run's model beside the conversation, within the same limits and on the same account; it is no turn. */
export type AskAside = (question: Question) => Promise<Answer | LimitReached>

export function askAside(run: Omit<PaidCall, 'conversation' | 'system' | 'offers' | 'maxOutputTokens'>): AskAside {
  return async ({ system, message, maxOutputTokens }) => {
    const conversation = createConversation({
      protocol: nativeProtocol,
      fixedBytes: fixedBytes(system, []),
      firstMessage: message,
      windowTokens: run.limits.windowTokens,
      delimiter: '',
    })
    const paid = await askPaid({ ...run, conversation, system, offers: [], maxOutputTokens })
    if (paid.kind === 'limit-reached') return paid
    await paid.booked()
    const { reply } = paid
    const used = countUsage(reply.usage)
    return {
      kind: 'answered',
      text: reply.content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n'),
      tokens: {
        input: used.inputTokens,
        output: used.outputTokens,
        cacheRead: used.cacheReadTokens,
        cacheWrite: used.cacheWriteTokens,
      },
    }
  }
}
