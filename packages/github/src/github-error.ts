import { DevBotError, type ErrorCode, type ErrorFacts } from '@devbot/contracts'
import { z } from 'zod'

/** What octokit throws, as far as it is read: the request in it is left alone, because it carries headers and bodies. */
const octokitErrorSchema = z.object({
  status: z.number(),
  cause: z.unknown(),
  response: z
    .object({ headers: z.record(z.string(), z.unknown()), data: z.unknown() })
    .optional()
    .catch(undefined),
})
const problemSchema = z.object({
  message: z.string().catch(''),
  documentation_url: z.string().catch(''),
  errors: z
    .array(z.object({ code: z.string().catch(''), resource: z.string().catch('') }).catch({ code: '', resource: '' }))
    .catch([]),
})

/** GitHub's primary limit starts anew after an hour at the latest; a longer wait is a wrong clock. */
const MAX_RETRY_AFTER_MS = 3_600_000
/** "Wait for at least one minute", where GitHub does not say how long (docs: rate limits for the REST API). */
const UNNAMED_RATE_LIMIT_WAIT_MS = 60_000

/** What was asked, for messages: method and path; never a header or a body. */
export type Asked = { readonly method: string; readonly path: string }

/**
 * Translates whatever a request to GitHub threw into a DevBotError, by status and headers. The result holds no header
 * and no body of the request. DevBotErrors pass through, also from behind octokit's; what is no error of octokit's is a bug and passes through too.
 */
export function toGitHubError(error: unknown, asked: Asked): unknown {
  if (error instanceof DevBotError) return error
  const parsed = octokitErrorSchema.safeParse(error)
  if (!parsed.success) return error
  const { status, response, cause } = parsed.data
  // The caller's own reason for not sending it.
  if (cause instanceof DevBotError) return cause
  if (response === undefined) return new DevBotError(unreachable(asked, cause))
  return new DevBotError(refused(asked, { status, headers: response.headers, problem: readProblem(response.data) }))
}

type Problem = z.infer<typeof problemSchema>
type Answer = {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly problem: Problem
}

function readProblem(data: unknown): Problem {
  const parsed = problemSchema.safeParse(data)
  return parsed.success ? parsed.data : { message: '', documentation_url: '', errors: [] }
}

function unreachable(asked: Asked, cause: unknown): ErrorFacts {
  const timedOut = cause instanceof Error && cause.name === 'TimeoutError'
  return {
    category: 'transient',
    code: timedOut ? 'github-timeout' : 'github-unreachable',
    message: `${timedOut ? 'GitHub did not answer in time' : 'GitHub could not be reached'} (${asked.method} ${asked.path})`,
    cause,
    details: { method: asked.method, path: asked.path },
  }
}

function refused(asked: Asked, answer: Answer): ErrorFacts {
  const { status, problem } = answer
  const said = printable(problem.message)
  const came = `GitHub answered ${status}${said === '' ? '' : ` "${said}"`} to ${asked.method} ${asked.path}`
  return { ...verdict(answer, came), details: detailsOf(asked, answer) }
}

function verdict(answer: Answer, came: string): ErrorFacts {
  const { status } = answer
  if (isRateLimit(answer)) {
    const retryAfterMs = retryAfterMsOf(answer.headers) ?? UNNAMED_RATE_LIMIT_WAIT_MS
    const message = `${came}: the rate limit is reached; the next try is due in ${Math.ceil(retryAfterMs / 1000)} s`
    return { category: 'transient', code: 'github-rate-limited', message, retryAfterMs }
  }
  if (status >= 500) {
    const retryAfterMs = retryAfterMsOf(answer.headers)
    const facts = { category: 'transient', code: 'github-unavailable', message: `${came}: a passing trouble` } as const
    return retryAfterMs === undefined ? facts : { ...facts, retryAfterMs }
  }
  return refusal(status, came)
}

function refusal(status: number, came: string): ErrorFacts {
  switch (status) {
    case 401:
      return permission(
        'github-unauthorized',
        `${came}: expected valid credentials; renew GITHUB_TOKEN or the app's key`,
      )
    case 403:
      return permission(
        'github-forbidden',
        `${came}: the credentials lack a permission; grant write on contents and pull requests, and read on metadata and checks`,
      )
    case 404:
    case 410:
    case 451:
      return permission(
        'github-not-found',
        `${came}: it does not exist, or the credentials do not reach it; check the name and what the token or app may see`,
      )
    case 409:
      return { category: 'conflict', code: 'github-conflict', message: `${came}: something there changed meanwhile` }
    case 422:
      return { category: 'conflict', code: 'github-unprocessable', message: `${came}: it does not fit what is there` }
    default:
      return {
        category: 'invalid-input',
        code: 'github-refused',
        message: `${came}: the request is not accepted as it is`,
      }
  }
}

function permission(code: ErrorCode, message: string): ErrorFacts {
  return { category: 'permission', code, message }
}

/**
 * Whether a 403 or 429 is about the rate, by GitHub's own rules: `retry-after`, or no request left. Some secondary
 * limits carry neither; then the link to the documentation is the only sign that is not prose.
 */
function isRateLimit({ status, headers, problem }: Answer): boolean {
  if (status === 429) return true
  if (status !== 403) return false
  if (headers['retry-after'] !== undefined || headers['x-ratelimit-remaining'] === '0') return true
  return /rate-limits/.test(problem.documentation_url)
}

/** How long GitHub asks us to wait: `retry-after`, else until the reset by GitHub's own clock. */
function retryAfterMsOf(headers: Answer['headers']): number | undefined {
  const waitSeconds = wholeNumber(headers['retry-after'])
  if (waitSeconds !== undefined) return Math.min(waitSeconds * 1000, MAX_RETRY_AFTER_MS)
  const resetSeconds = wholeNumber(headers['x-ratelimit-reset'])
  if (resetSeconds === undefined || headers['x-ratelimit-remaining'] !== '0') return undefined
  const parsedNowMs = Date.parse(String(headers.date))
  const nowMs = Number.isNaN(parsedNowMs) ? Date.now() : parsedNowMs
  // One second more, because the reset is given in whole seconds.
  return Math.min(Math.max(resetSeconds * 1000 - nowMs, 0) + 1000, MAX_RETRY_AFTER_MS)
}

function wholeNumber(header: unknown): number | undefined {
  return typeof header === 'string' && /^\d{1,12}$/.test(header) ? Number(header) : undefined
}

function detailsOf(asked: Asked, { status, headers, problem }: Answer): Record<string, string | number> {
  const requestId = headers['x-github-request-id']
  const first = problem.errors[0]
  return {
    status,
    method: asked.method,
    path: asked.path,
    ...(typeof requestId === 'string' ? { requestId: printable(requestId) } : {}),
    ...(first === undefined || first.code === '' ? {} : { errorCode: printable(first.code) }),
  }
}

/** One short line of foreign text. */
function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ').slice(0, 300)
}
