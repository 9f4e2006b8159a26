import { DevBotError, type RepositoryName } from '@devbot/contracts'
import type { GitHubOctokit } from './octokit-for.ts'

/** Who DevBot is towards GitHub: a person's token or an app. */
export interface Identity {
  /** Our login; asked once. */
  login(): Promise<string>
  /** Requests about this repository, with credentials that reach it. */
  octokit(name: RepositoryName): GitHubOctokit
  /** The password of one git operation on this repository. */
  gitToken(name: RepositoryName): Promise<string>
  /** Known when the credentials themselves say so; otherwise the repository is asked. */
  readonly alwaysMayPush: boolean
}

/** Remembers the first success of an asynchronous question; a failure is asked again. */
export function askOnce<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined
  return () => {
    answer ??= ask().catch((error: unknown) => {
      answer = undefined
      throw error
    })
    return answer
  }
}

/** Reads a secret that may live in a file. Throws category `permission`, code `github-credential-unreadable`. */
export function readCredential(name: string, read: () => string): string {
  try {
    const value = read().trim()
    if (value !== '') return value
  } catch (cause) {
    throw unreadable(name, cause)
  }
  throw unreadable(name, undefined)
}

function unreadable(name: string, cause: unknown): DevBotError {
  return new DevBotError({
    category: 'permission',
    code: 'github-credential-unreadable',
    message: `expected a value in ${name} or in the file that ${name}_FILE names, but ${cause === undefined ? 'it is empty' : 'it cannot be read'}`,
    cause,
  })
}
