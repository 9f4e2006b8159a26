/** What the way a reply ended means for the run. */
export type ReplyVerdict =
  /** Its calls are carried out. */
  | { readonly kind: 'whole' }
  /** It is not whole: no call of it is carried out, not even one that looks complete. */
  | { readonly kind: 'cut'; readonly why: 'output-limit' | 'window' | 'unknown'; readonly refusal: string }
  /** The API stopped it in between and wants it back. */
  | { readonly kind: 'paused' }
  | { readonly kind: 'refused' }

const TOO_LONG =
  'Not run: your reply was cut off at the output limit. Send the call again, in smaller parts (write a long file in pieces).'
const WINDOW_FULL =
  'Not run: the conversation filled your context window, so your reply was cut off. Earlier turns are shortened now; send the call again.'

/**
 * Judges a reply by its stop reason. Beside the API's own names, those that gateways pass on from other protocols are
 * known (`stop`, `tool_calls`, `length`). A reply with any other name may have been cut off, so nothing of it is run.
 */
export function judgeReply(stopReason: string): ReplyVerdict {
  switch (stopReason) {
    case 'end_turn':
    case 'tool_use':
    case 'stop_sequence':
    case 'stop':
    case 'tool_calls':
      return { kind: 'whole' }
    case 'max_tokens':
    case 'length':
      return { kind: 'cut', why: 'output-limit', refusal: TOO_LONG }
    case 'model_context_window_exceeded':
      return { kind: 'cut', why: 'window', refusal: WINDOW_FULL }
    case 'pause_turn':
      return { kind: 'paused' }
    case 'refusal':
      return { kind: 'refused' }
    default:
      return {
        kind: 'cut',
        why: 'unknown',
        refusal: 'Not run: your reply ended in a way that is not known. Send it again.',
      }
  }
}
