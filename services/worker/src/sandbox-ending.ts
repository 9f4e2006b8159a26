import { DevBotError, type RunOutcome } from '@devbot/contracts'

/**
 * How a run ends whose sandbox was ended by what ran in it. Another attempt would end the same way and be paid for again,
 * so this is an outcome, not a reason to try again. Undefined: anything else, such as an engine that does not answer.
 */
export function sandboxEnding(error: unknown): RunOutcome | undefined {
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

/** Attempts in a row that may lose their sandbox: each may have asked the model many times before. */
const MAX_SANDBOX_ATTEMPTS = 5
/** Found out only when a sandbox is made, and the same every time: the image, the settings or the policy have to be changed. */
const NEVER_PASSING: readonly string[] = [
  'sandbox-tool-missing',
  'sandbox-runtime-unknown',
  'image-not-allowed',
  'image-has-volumes',
  'service-port-taken',
  'egress-entry-invalid',
]
const SERVICE_FAILURES: readonly string[] = ['service-ended', 'service-not-ready', 'service-not-started']
/** Once more, for the machine may have been busy; then it is the service. */
const MAX_SERVICE_ATTEMPTS = 2
/** Another process of ours that is away; an engine that is away says so by `details.passing`. */
const WAITED_FOR: readonly string[] = ['egress-unavailable']
/** GitHub may have been a moment behind; what it refuses again and again it will refuse for ever. */
const MAX_REFUSED_ATTEMPTS = 5

/**
 * Whether trying again is over for this error: what went wrong with sandboxes, or was refused by
 * GitHub, some times in a row does so again. An engine or a proxy that is away is waited for like any other system.
 */
export function needsPerson(error: DevBotError, failedAttempts: number): boolean {
  if (error.code === 'github-unprocessable') return failedAttempts >= MAX_REFUSED_ATTEMPTS
  if (error.category !== 'sandbox') return false
  if (NEVER_PASSING.includes(error.code)) return true
  if (isServiceFailure(error)) return failedAttempts >= MAX_SERVICE_ATTEMPTS
  const passes = error.details.passing === true || WAITED_FOR.includes(error.code)
  return !passes && failedAttempts >= MAX_SANDBOX_ATTEMPTS
}
