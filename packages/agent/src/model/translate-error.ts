import Anthropic from '@anthropic-ai/sdk'
import { DevBotError, type ErrorCategory } from '@devbot/contracts'
import { brokenStream } from './collect-reply.ts'

type Kind = { readonly category: ErrorCategory; readonly code: string; readonly advice: string }

const OVERLOADED: Kind = { category: 'transient', code: 'model-overloaded', advice: 'It passes; the call is repeated.' }
const RATE_LIMITED: Kind = {
  category: 'transient',
  code: 'model-rate-limited',
  advice: 'It passes; if it is frequent, lower WORKER_CONCURRENCY or ask for a higher rate limit.',
}
const REFUSED: Kind = {
  category: 'invalid-input',
  code: 'model-request-refused',
  advice: 'The request is not repeated as it is. Check that DEVBOT_MODEL names a model with tool use.',
}
const BILLING: Kind = {
  category: 'permission',
  code: 'model-spend-limit',
  advice:
    'The account behind ANTHROPIC_API_KEY has no credit left or reached its spend limit: raise it in the console.',
}

const BY_STATUS: Readonly<Record<number, Kind>> = {
  400: REFUSED,
  401: {
    category: 'permission',
    code: 'model-key-refused',
    advice: 'Check ANTHROPIC_API_KEY (or the file that ANTHROPIC_API_KEY_FILE names).',
  },
  402: BILLING,
  403: {
    category: 'permission',
    code: 'model-access-denied',
    advice: 'The key may not use this model or workspace: grant it, or set DEVBOT_MODEL to a model it may use.',
  },
  404: { category: 'config', code: 'model-not-found', advice: 'Check DEVBOT_MODEL and ANTHROPIC_BASE_URL.' },
  408: OVERLOADED,
  413: {
    category: 'invalid-input',
    code: 'model-request-too-large',
    advice: 'The conversation is larger than the API takes; split the plan into smaller ones.',
  },
  429: RATE_LIMITED,
}

const BY_TYPE: Readonly<Record<string, Kind>> = {
  overloaded_error: OVERLOADED,
  api_error: OVERLOADED,
  timeout_error: OVERLOADED,
  rate_limit_error: RATE_LIMITED,
  billing_error: BILLING,
  invalid_request_error: REFUSED,
}

/** Codes by which the API tells a spend limit from a passing rate limit; both come with 429. */
const SPEND_LIMIT_CODES: ReadonlySet<string> = new Set([
  'contract_spend_limit_reached',
  'enforced_spend_limit_reached',
  'linked_organization_spend_limit_reached',
  'linked_organization_billing_unavailable',
])

/**
 * The one translation of what the vendor's client throws, by status, type and code. The vendor's message is not taken
 * over and its error is not kept as a cause: a gateway's answer could repeat the request's headers.
 */
export function translateModelError(error: unknown): DevBotError {
  if (error instanceof DevBotError) return error
  if (!(error instanceof Anthropic.APIError)) return brokenStream()
  if (error instanceof Anthropic.APIConnectionError) return unreachable(error)
  const kind = kindOf(error)
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

function kindOf(error: InstanceType<typeof Anthropic.APIError>): Kind {
  if (error.type === 'billing_error' || SPEND_LIMIT_CODES.has(error.errorCode ?? '')) return BILLING
  const byStatus = error.status === undefined ? undefined : BY_STATUS[error.status]
  if (byStatus !== undefined) return byStatus
  if (error.status !== undefined) return error.status >= 500 ? OVERLOADED : REFUSED
  return BY_TYPE[error.type ?? ''] ?? OVERLOADED
}

function unreachable(error: Error): DevBotError {
  return new DevBotError({
    category: 'transient',
    code: 'model-unreachable',
    message:
      "The model's endpoint could not be reached. Check ANTHROPIC_BASE_URL and the network; the call is repeated.",
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

/** `retry-after` as seconds or as a date, in milliseconds from `nowMs`; undefined when absent or unreadable. */
export function parseRetryAfter(headers: Headers | undefined, nowMs: number): number | undefined {
  const text = headers?.get('retry-after')?.trim()
  if (text === undefined || text === '') return undefined
  if (/^\d+(\.\d+)?$/.test(text)) return Math.round(Number(text) * 1000)
  // An HTTP date begins with the day's name; Date.parse alone would read a date into nearly anything.
  const atMs = /^[A-Z][a-z]{2}, /.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs)
}
