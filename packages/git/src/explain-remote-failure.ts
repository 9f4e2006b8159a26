import { DevBotError } from '@devbot/contracts'
import type { GitCredentials } from './repository-store.ts'
import { authorizationFor } from './run-remote-git.ts'

export type GitService = 'git-upload-pack' | 'git-receive-pack'

/** Longest wait for the one cheap request that finds out why git failed. */
const PROBE_TIMEOUT_MS = 10_000

/**
 * git's exit code says only that something failed. One request with the same credentials to the same address finds out
 * what, by its status: nobody reads git's texts. The result is never a success, only the most likely reason:
 * `permission`, `transient` or `invalid-input`; codes `git-network-failed` and `git-ref-refused` mean that
 * the server answers this request well.
 */
export async function explainRemoteFailure(input: {
  readonly remoteUrl: string
  readonly service: GitService
  readonly credentials: GitCredentials
  /** What git said, for the operator; printable and free of secrets. */
  readonly remark: string
  /** Whether git reported that a ref was not taken. */
  readonly refRefused: boolean
  readonly signal: AbortSignal
}): Promise<DevBotError> {
  const address = `${input.remoteUrl}/info/refs?service=${input.service}`
  try {
    const response = await fetch(address, {
      headers: { authorization: authorizationFor(input.credentials), 'user-agent': 'git/devbot', accept: '*/*' },
      redirect: 'manual',
      signal: AbortSignal.any([input.signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)]),
    })
    await response.body?.cancel()
    return explanationFor(response, input)
  } catch (cause) {
    return new DevBotError({
      category: 'transient',
      code: 'git-remote-unreachable',
      message: `expected ${input.remoteUrl} to answer, but there was no connection or it broke; git said: ${input.remark || 'nothing'}`,
      cause,
    })
  }
}

function explanationFor(
  response: Response,
  { remoteUrl: url, service, remark, refRefused }: Parameters<typeof explainRemoteFailure>[0],
): DevBotError {
  const { status } = response
  const details = { status }
  const fail = (facts: Pick<DevBotError, 'category' | 'code' | 'message'>) =>
    new DevBotError({ ...facts, details, ...retryAfterOf(response) })
  if (status === 401 || status === 403) {
    const need = service === 'git-receive-pack' ? 'write' : 'read'
    const message = `${url} refused the token (status ${status}); expected a valid token with permission to ${need} contents`
    return fail({ category: 'permission', code: 'git-permission-refused', message })
  }
  if (status === 404) {
    const message = `${url} was not found (status 404); check its name, and that the token may see it`
    return fail({ category: 'permission', code: 'git-repository-missing', message })
  }
  if (status === 408 || status === 429 || status >= 500) {
    return fail({ category: 'transient', code: 'git-remote-busy', message: `${url} answered with status ${status}` })
  }
  if (status >= 300 && status < 400) {
    const message = `${url} answers with a redirect (status ${status}); the repository was moved or renamed, use its new name`
    return fail({ category: 'invalid-input', code: 'git-remote-redirected', message })
  }
  if (status !== 200 || !isAdvertisement(response, service)) {
    const message = `expected a git repository at ${url}, got status ${status} and something else`
    return fail({ category: 'invalid-input', code: 'git-remote-not-git', message })
  }
  const message = `git failed, although ${url} answers; git said: ${remark || 'nothing'}`
  return fail({ category: 'transient', code: refRefused ? 'git-ref-refused' : 'git-network-failed', message })
}

function isAdvertisement(response: Response, service: GitService): boolean {
  return response.headers.get('content-type')?.startsWith(`application/x-${service}-advertisement`) === true
}

/** `Retry-After` in seconds; the form with a date is left to the normal backoff. */
function retryAfterOf(response: Response): { retryAfterMs?: number } {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  return Number.isFinite(seconds) && seconds >= 0 ? { retryAfterMs: seconds * 1000 } : {}
}
