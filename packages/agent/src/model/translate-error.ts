import Anthropic from '@anthropic-ai/sdk'
import { DevBotError, type ErrorCategory, type ErrorCode } from '@devbot/contracts'
import { brokenStream } from './collect-reply.ts'

type Kind = { readonly category: ErrorCategory; readonly code: ErrorCode; readonly advice: string }

const OVERLOADED: Kind = { category: 'transient', code: 'model-overloaded', advice: 'It passes; the call is repeated.' }
const FAILED: Kind = { category: 'transient', code: 'model-failed', advice: 'It passes; the call is repeated.' }
const RATE_LIMITED: Kind = {
  category: 'transient',
  code: 'model-rate-limited',
  advice: 'It passes; if it is frequent, lower WORKER_CONCURRENCY or ask for a higher rate limit.',
}
const REFUSED: Kind = {
  category: 'invalid-input',
  code: 'model-request-refused',
  advice:
    'The request is not repeated as it is. Check DEVBOT_MODEL, DEVBOT_EFFORT and DEVBOT_THINKING; a model without tool use needs DEVBOT_PROTOCOL=text. A spend limit that you set yourself in the console is answered like this, too.',
}
const TOO_LONG: Kind = {
  category: 'invalid-input',
  code: 'model-request-too-long',
  advice: 'The conversation is longer than the model takes; split the plan into smaller ones.',
}
const ON_HOLD: Kind = {
  category: 'permission',
  code: 'model-access-denied',
  advice: "The account behind the key was put on hold by the provider: see the console's messages.",
}
const BILLING: Kind = {
  category: 'permission',
  code: 'model-spend-limit',
  advice:
    'The account behind the key has no credit left or reached its spend limit: raise it in the console, then `devbot start` the task.',
}

const BY_STATUS: Readonly<Record<number, Kind>> = {
  400: REFUSED,
  401: {
    category: 'permission',
    code: 'model-key-refused',
    advice:
      'Check ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN (or the file that its _FILE names); a new key in the file is taken up by itself.',
  },
  402: BILLING,
  403: {
    category: 'permission',
    code: 'model-access-denied',
    advice: 'The key may not use this model or workspace: grant it, or set DEVBOT_MODEL to a model it may use.',
  },
  404: {
    category: 'config',
    code: 'model-not-found',
    advice: 'Check DEVBOT_MODEL and ANTHROPIC_BASE_URL (without /v1 at its end).',
  },
  408: FAILED,
  409: FAILED,
  413: TOO_LONG,
  429: RATE_LIMITED,
  503: OVERLOADED,
  529: OVERLOADED,
}

const BY_TYPE: Readonly<Record<string, Kind>> = {
  overloaded_error: OVERLOADED,
  api_error: FAILED,
  timeout_error: FAILED,
  rate_limit_error: RATE_LIMITED,
  billing_error: BILLING,
  invalid_request_error: REFUSED,
  request_too_large: TOO_LONG,
}

/** Codes by which the API tells a spend limit from a passing rate limit; both come with 429. */
const SPEND_LIMIT_CODES: ReadonlySet<string> = new Set([
  'contract_spend_limit_reached',
  'enforced_spend_limit_reached',
  'linked_organization_spend_limit_reached',
  'linked_organization_billing_unavailable',
])
/** As the SDK's error types have it: for reasons other than billing. */
const ON_HOLD_CODE = 'organization_on_hold'
/** Bytes a token covers at least on average: a request with fewer than this per token of the window certainly fits. */
const LEAST_BYTES_PER_TOKEN = 2

/** What was asked, as far as it can explain an answer. */
export type AskedRequest = { readonly bytes: number; readonly windowTokens: number }

/**
 * The one translation of what the vendor's client throws, by status, type and code. The vendor's message is not taken
 * over and its error is not kept as a cause: a gateway's answer could repeat the request's headers.
 */
export function translateModelError(error: unknown, asked: AskedRequest): DevBotError {
  if (error instanceof DevBotError) return error
  if (!(error instanceof Anthropic.APIError)) return brokenStream()
  if (error instanceof Anthropic.APIConnectionError) return unreachable(error)
  const kind = kindOf(error, asked)
  const retryAfterMs = parseRetryAfter(error.headers, Date.now())
  const said = [
    error.status === undefined ? 'an error in the stream' : `status ${error.status}`,
    error.type,
    error.errorCode,
  ]
  return new DevBotError({
    category: kind.category,
    code: kind.code,
    message: `The model's endpoint answered with ${said.filter(isPrintable).join(', ')}. ${kind.advice}`,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    details: {
      ...(error.status === undefined ? {} : { status: error.status }),
      ...(isPrintable(error.requestID) ? { requestId: error.requestID } : {}),
    },
  })
}

function kindOf(error: InstanceType<typeof Anthropic.APIError>, asked: AskedRequest): Kind {
  if (error.type === 'billing_error' || SPEND_LIMIT_CODES.has(error.errorCode ?? '')) return BILLING
  if (error.errorCode === ON_HOLD_CODE) return ON_HOLD
  // The API has no code for a prompt beyond the window, only this type and words; its size says what they say.
  const fits = asked.bytes < asked.windowTokens * LEAST_BYTES_PER_TOKEN
  if (error.status === 400 && error.type === 'invalid_request_error' && error.errorCode === null && !fits)
    return TOO_LONG
  const byStatus = error.status === undefined ? undefined : BY_STATUS[error.status]
  if (byStatus !== undefined) return byStatus
  if (error.status !== undefined) return error.status >= 500 ? FAILED : REFUSED
  return BY_TYPE[error.type ?? ''] ?? FAILED
}

function unreachable(error: Error): DevBotError {
  return new DevBotError({
    category: 'transient',
    code: 'model-unreachable',
    message:
      "The model's endpoint could not be reached. Check ANTHROPIC_BASE_URL, the proxy if there is one, and the network; the call is repeated.",
    details: { reason: networkCodeOf(error.cause) },
  })
}

/** `ECONNREFUSED` and the like, wherever undici put it. */
function networkCodeOf(cause: unknown): string {
  for (let at = cause, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if ('code' in at && typeof at.code === 'string') return at.code
  }
  return 'unknown'
}

/** Words of the other side are shown only when they are plain identifiers. */
function isPrintable(text: string | null | undefined): text is string {
  return typeof text === 'string' && /^[\w .:-]{1,100}$/.test(text)
}

/**
 * How long the answer asks to wait, in milliseconds from `nowMs`: `retry-after-ms`, else `retry-after` as seconds or as
 * a date; undefined when absent or unreadable.
 */
export function parseRetryAfter(headers: Headers | undefined, nowMs: number): number | undefined {
  const exactMs = headers?.get('retry-after-ms')?.trim() ?? ''
  if (NUMBER.test(exactMs)) return Math.round(Number(exactMs))
  const text = headers?.get('retry-after')?.trim() ?? ''
  if (NUMBER.test(text)) return Math.round(Number(text) * 1000)
  // An HTTP date begins with the day's name; Date.parse alone would read a date into nearly anything.
  const atMs = /^[A-Z][a-z]{2}, /.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs)
}

const NUMBER = /^\d{1,12}(\.\d{1,6})?$/
