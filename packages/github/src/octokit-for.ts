import { retry } from '@octokit/plugin-retry'
import { throttling } from '@octokit/plugin-throttling'
import { Octokit } from '@octokit/rest'
import { boundedFetch } from './bounded-fetch.ts'
import { conditionalFetch } from './conditional-fetch.ts'
import { toGitHubError } from './github-error.ts'
import { createRateGate, type SharedRateWaits } from './rate-gate.ts'

/** How requests prove who they come from. */
type Authorization = {
  /** The `authorization` header's value. */
  readonly header: () => Promise<string>
  /** Called after a 401 with the header that was refused: whether one more try makes sense. */
  readonly renew: (refusedHeader: string) => Promise<boolean>
}

export type OctokitOptions = {
  readonly apiUrl: string
  readonly authorization: Authorization
  /** For one exchange, retries apart. */
  readonly timeoutMs: number
  /** Wait of the first retry of a read, in milliseconds; the second waits four times as long. */
  readonly retryBaseMs: number
  /** Keep GitHub's pauses between writes, and take part in its rate limits. */
  readonly paced: boolean
  readonly onWarning: (message: string) => void
  /** Where workers tell each other that GitHub wants to be left alone; absent: each finds out for itself. */
  readonly waits?: SharedRateWaits | undefined
  /** Whose rate limit these credentials share. */
  readonly rateName: string
}

export type GitHubOctokit = ReturnType<typeof octokitFor>

const DevBotOctokit = Octokit.plugin(throttling, retry)

/** Largest answer taken, in bytes: a full page of 100 pull requests with long bodies stays below 10 MB. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024
/** Repetitions of a request that is harmless to repeat. */
const MAX_RETRIES = 2
/** Marks a POST that changes nothing more when it is repeated. */
export const repeatable = { request: { repeatable: true } }
/** Keeps a request from being sent once the signal has aborted, however long it waited for its turn. */
export const unless = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { request: { signal } })
/** A longer wait for the rate limit is the ledger's business, so that it holds no worker slot. */
const MAX_RATE_LIMIT_WAIT_SECONDS = 10
/** Answers of the 4xx kind mean the same the next time; waiting for rate limits is the throttling's part. */
const NEVER_RETRIED = Array.from({ length: 100 }, (_, index) => 400 + index)

/**
 * An octokit with DevBot's rules: a deadline and a size limit for each answer, retries only where a repetition is
 * harmless (every method but POST, unless the call asks for it), one renewal of refused credentials, short waits for
 * the rate limit and none of its own while all wait, questions that cost nothing while the answer is the same, and
 * DevBotErrors.
 */
export function octokitFor(options: OctokitOptions) {
  const gate = createRateGate(options.rateName, options.waits)
  const octokit = new DevBotOctokit({
    baseUrl: options.apiUrl.replace(/\/+$/, ''),
    userAgent: 'devbot',
    log: silentLog(options.onWarning),
    request: {
      fetch: conditionalFetch(boundedFetch({ timeoutMs: options.timeoutMs, maxAnswerBytes: MAX_ANSWER_BYTES })),
      log: silentLog(options.onWarning),
    },
    throttle: { enabled: options.paced, id: options.apiUrl, ...rateLimitHandlers(options.onWarning) },
    retry: { retries: MAX_RETRIES, doNotRetry: NEVER_RETRIED, retryAfterBaseValue: options.retryBaseMs },
  })
  // Registered last, so this is the outermost layer: it sees a request before, and its failure after, all retries.
  octokit.hook.wrap('request', async (request, endpoint) => {
    const { repeatable: isRepeatable = endpoint.method !== 'POST', ...defaults } = endpoint.request
    const send = async (authorization: string) => {
      // Changed in place: octokit's inner layers keep the first object and do not look at what is handed on.
      endpoint.headers = { ...endpoint.headers, authorization }
      // Only ever zero: any other number would make the plugin repeat refusals too.
      endpoint.request = isRepeatable ? { ...defaults } : { ...defaults, retries: 0 }
      return request(endpoint)
    }
    try {
      gate.pass()
      const answer = await sendWithRenewal(send, options.authorization)
      gate.observe(answer.headers)
      return answer
    } catch (error) {
      const path = pathOf(octokit.request.endpoint.parse(endpoint).url)
      const translated = toGitHubError(error, { method: endpoint.method, path })
      gate.refused(translated)
      throw translated
    }
  })
  return octokit
}

async function sendWithRenewal<T>(send: (header: string) => Promise<T>, authorization: Authorization): Promise<T> {
  const header = await authorization.header()
  try {
    return await send(header)
  } catch (error) {
    if (!isUnauthorized(error) || !(await authorization.renew(header))) throw error
    return send(await authorization.header())
  }
}

function isUnauthorized(error: unknown): boolean {
  return error instanceof Error && 'status' in error && error.status === 401
}

/** Without the query: it can be long, and says nothing to an operator. */
function pathOf(url: string): string {
  return URL.canParse(url) ? new URL(url).pathname : '(unreadable address)'
}

function rateLimitHandlers(onWarning: (message: string) => void) {
  const waitIfShort =
    (kind: string) => (retryAfterSeconds: number, _options: unknown, _octokit: unknown, tries: number) => {
      const waits = tries === 0 && retryAfterSeconds <= MAX_RATE_LIMIT_WAIT_SECONDS
      onWarning(
        `GitHub's ${kind} rate limit is reached (${retryAfterSeconds} s); ${waits ? 'waiting' : 'the task waits'}`,
      )
      return waits
    }
  return { onRateLimit: waitIfShort('primary'), onSecondaryRateLimit: waitIfShort('secondary') }
}

/** Octokit's debug lines carry whole requests, its error lines repeat what is thrown: only warnings are kept. */
function silentLog(onWarning: (message: string) => void) {
  const nothing = () => undefined
  return { debug: nothing, info: nothing, error: nothing, warn: (message: string) => onWarning(message) }
}
