import { type AppAuth, createAppIdentity } from './app-identity.ts'
import type { GitHubClient } from './client.ts'
import { createConversationCalls } from './conversation.ts'
import { createPullRequestCalls } from './pull-requests.ts'
import type { SharedRateWaits } from './rate-gate.ts'
import { createRepositoryCalls } from './repositories.ts'
import { createTokenIdentity, type TokenAuth } from './token-identity.ts'

export type GitHubClientOptions = {
  /** `https://api.github.com`, or another server's REST address. */
  readonly apiUrl: string
  readonly auth: TokenAuth | AppAuth
  /** Deprecations and rate limits, one sentence each; no secret in it. */
  readonly onWarning?: (message: string) => void
  /** For one exchange; 30 s by default, three times what GitHub itself allows a request. */
  readonly timeoutMs?: number
  /** Wait before the first retry; 1 s by default. */
  readonly retryBaseMs?: number
  /**
   * Whether GitHub's pauses between writes are kept (1 s, 3 s for what notifies people). By default for every API but
   * one on loopback, which is a stand-in without limits.
   */
  readonly paced?: boolean
  /** Where workers tell each other that GitHub wants to be left alone; absent: each finds out for itself. */
  readonly waits?: SharedRateWaits
}

const DEFAULT_TIMEOUT_MS = 30_000
const DEFAULT_RETRY_BASE_MS = 1_000

/** GitHub by octokit. Makes no request before the first call. */
export function createGitHubClient(options: GitHubClientOptions): GitHubClient {
  const octokitOptions = {
    apiUrl: options.apiUrl,
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    retryBaseMs: options.retryBaseMs ?? DEFAULT_RETRY_BASE_MS,
    paced: options.paced ?? !isLoopback(options.apiUrl),
    onWarning: options.onWarning ?? (() => undefined),
    waits: options.waits,
  }
  const identity =
    options.auth.kind === 'token'
      ? createTokenIdentity(options.auth, octokitOptions)
      : createAppIdentity(options.auth, octokitOptions)
  return {
    ...createRepositoryCalls(identity),
    ...createPullRequestCalls(identity),
    ...createConversationCalls(identity),
  }
}

function isLoopback(url: string): boolean {
  const { hostname } = new URL(url)
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}
