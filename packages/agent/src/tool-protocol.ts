import type { ModelMessage, ModelReply, ToolOffer } from './model-client.ts'

/** One call the model asked for, whatever form it came in. */
export type ToolCall = {
  readonly id: string
  readonly name: string
  readonly input: unknown
  /** Why it must not run: its text was cut off or could not be read. */
  readonly refusal?: string
  /** What the model is told beside the answer: what of its reply was left out. */
  readonly notice?: string
}

/** Our answer to one call. */
export type ToolAnswer = {
  readonly call: ToolCall
  readonly isError: boolean
  readonly text: string
  /** What the call was about, in one line: the command, the path. */
  readonly detail?: string
  /** Files the call changed. */
  readonly changed?: readonly string[]
  /** What is left of the answer once its text was left out, for the record. */
  readonly line?: string
}

/**
 * How tools are offered to a model and how its calls are read. The loop knows no other difference between models: the
 * native protocol uses the API's tool use, a text protocol puts the offers into `systemText` and reads calls from text.
 */
export interface ToolProtocol {
  /** What a reply without a call is answered with; `cut` is for one that was cut off at the output limit. */
  readonly nudges: { readonly silent: string; readonly cut: string }
  /** What a request carries for these tools: definitions for the API, or text for the end of the system prompt. */
  offer(tools: readonly ToolOffer[]): { readonly tools: readonly ToolOffer[]; readonly systemText: string }
  /**
   * The reply as it is kept in the conversation, and the calls in it. `turn` makes ids unique where the model's are
   * not. A reply with nothing in it still gives a message that the API takes back.
   */
  read(
    reply: ModelReply,
    turn: number,
    usedIds: ReadonlySet<string>,
  ): { readonly message: ModelMessage; readonly calls: readonly ToolCall[] }
  /** The next user message: an answer for every call, then the texts. */
  answer(answers: readonly ToolAnswer[], texts: readonly string[]): ModelMessage
}
