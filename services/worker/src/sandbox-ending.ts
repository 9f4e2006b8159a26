import { DevBotError, type ErrorCode, firstError, type RunOutcome } from '@devbot/contracts'

/**
 * How a run ends whose sandbox was ended by what ran in it. Another attempt would end the same way and be paid for again,
 * so this is an outcome, not a reason to try again. Undefined: anything else, such as an engine that does not answer.
 */
export function sandboxEnding(thrown: unknown): RunOutcome | undefined {
  const error = firstError(thrown)
  if (!(error instanceof DevBotError) || error.category !== 'sandbox') return undefined
  const { code, message } = error
  switch (code) {
    case 'sandbox-out-of-memory':
      return { kind: 'limit-reached', limit: 'memory', detail: message }
    case 'sandbox-disk-full':
      return { kind: 'limit-reached', limit: 'disk', detail: message }
    case 'sandbox-lifetime-over':
      return { kind: 'limit-reached', limit: 'minutes', detail: message }
    // Something in the sandbox wrote into the tool channel.
    case 'channel-violation':
      return { kind: 'failed', category: 'sandbox', code, reason: message }
    default:
      return undefined
  }
}

/** One sentence on such an ending. */
export function endingReason(outcome: RunOutcome): string {
  if (outcome.kind === 'limit-reached') return `the limit on ${outcome.limit} was reached: ${outcome.detail}`
  return 'reason' in outcome ? outcome.reason : outcome.kind
}

/** A side service that did not come up, by the error of the sandbox that was to be made. */
export function isServiceFailure(error: unknown): boolean {
  return error instanceof DevBotError && SERVICE_FAILURES.includes(error.code)
}

const SERVICE_FAILURES: readonly ErrorCode[] = ['service-ended', 'service-not-ready', 'service-not-started']
