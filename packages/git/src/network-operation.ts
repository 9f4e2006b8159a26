import { setTimeout as sleep } from 'node:timers/promises'
import { DevBotError } from '@devbot/contracts'
import { explainRemoteFailure, type GitService } from './explain-remote-failure.ts'
import type { GitCredentials, RepositoryStoreOptions } from './repository-store.ts'
import { type RemoteGitResult, runRemoteGit } from './run-remote-git.ts'
import type { Git } from './spawn-git.ts'

/** Waits before the second and third try; what lasts longer is the ledger's to wait for. */
const RETRY_DELAYS_MS = [250, 1000]

/** What one network operation, its retries included, works with. */
export type Network = {
  readonly git: Git
  readonly options: RepositoryStoreOptions
  readonly deadline: AbortSignal
}

/** One network command. A refused token is asked for once more: it may have been renewed meanwhile. */
export async function runOnce(
  network: Network,
  args: readonly string[],
  service: GitService,
): Promise<RemoteGitResult> {
  const { credentials: ask } = network.options
  const credentials = await ask()
  try {
    return await runWith(network, args, service, credentials)
  } catch (error) {
    if (!hasCode(error, 'git-permission-refused')) throw error
    const renewed = await ask()
    if (renewed.password === credentials.password) throw error
    return runWith(network, args, service, renewed)
  }
}

async function runWith(
  { git, options, deadline }: Network,
  args: readonly string[],
  service: GitService,
  credentials: GitCredentials,
): Promise<RemoteGitResult> {
  const stallSeconds = Math.max(1, Math.ceil(options.networkTimeoutMs / 2000))
  const result = await runRemoteGit(git.directory, args, { credentials, stallSeconds, signal: deadline })
  if (result.succeeded) return result
  // A line of git's porcelain format that starts with "!" says that a ref was not taken.
  const refRefused = /^!\t/m.test(result.stdout)
  const { remoteUrl } = options
  const { remark } = result
  throw await explainRemoteFailure({ remoteUrl, service, credentials, remark, refRefused, signal: deadline })
}

/**
 * Runs an operation that ends, one way or the other, within `networkTimeoutMs`, or soon after `stop` is aborted. What was
 * under way then may have been done: whoever comes next asks the remote.
 */
export async function withDeadline<T>(
  git: Git,
  options: RepositoryStoreOptions,
  operation: (network: Network) => Promise<T>,
  stop?: AbortSignal,
): Promise<T> {
  const timeout = AbortSignal.timeout(options.networkTimeoutMs)
  const deadline = stop === undefined ? timeout : AbortSignal.any([timeout, stop])
  try {
    if (stop?.aborted) throw stopped(options, stop.reason)
    return await operation({ git, options, deadline })
  } catch (error) {
    if (stop?.aborted) throw stopped(options, error)
    if (!deadline.aborted || !hasCategory(error, 'transient')) throw error
    throw new DevBotError({
      category: 'transient',
      code: 'git-network-timeout',
      message: `expected ${options.remoteUrl} to be done within ${options.networkTimeoutMs} ms; it was not`,
      cause: error,
    })
  }
}

function stopped({ remoteUrl }: RepositoryStoreOptions, cause: unknown): DevBotError {
  return new DevBotError({
    category: 'cancelled',
    code: 'git-stopped',
    message: `git was stopped while it spoke with ${remoteUrl}: it is no longer wanted`,
    cause,
  })
}

/** Tries again, a limited number of times, what failed for a reason that may pass. */
export async function withRetries<T>({ deadline }: Network, attempt: () => Promise<T>): Promise<T> {
  for (const delayMs of RETRY_DELAYS_MS) {
    try {
      return await attempt()
    } catch (error) {
      // A server that names a time asks for more patience than one operation has: the ledger waits for it.
      const asksToWait = error instanceof DevBotError && error.retryAfterMs !== undefined
      if (!hasCategory(error, 'transient') || asksToWait || deadline.aborted) throw error
      await sleep(delayMs)
    }
  }
  return attempt()
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof DevBotError && error.code === code
}

export function hasCategory(error: unknown, category: DevBotError['category']): boolean {
  return error instanceof DevBotError && error.category === category
}
