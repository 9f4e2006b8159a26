import { ERROR_TYPES } from './trajectory.ts'

/** An answer other than a reply: the status and the sentence the API (or we) would send. */
export type Refusal = {
  readonly status: number
  /** Stable name of the rule that was broken, for tests and the violation log. */
  readonly rule: string
  readonly message: string
}

export function refusal(rule: string, message: string, status = 400): Refusal {
  return { status, rule, message }
}

/** The API's error body. Source: platform.claude.com/docs/en/api/errors, "Error shapes". */
export function errorBody(
  status: number,
  message: string,
  requestId: string,
  more: { readonly type?: string | undefined; readonly code?: string | undefined } = {},
): Readonly<Record<string, unknown>> {
  const type = more.type ?? ERROR_TYPES[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error')
  const details = more.code === undefined ? {} : { details: { error_code: more.code } }
  return { type: 'error', error: { type, message, ...details }, request_id: requestId }
}
