import type { FeedbackItem, RepositoryName } from '@devbot/contracts'

export type RepositoryFacts = {
  readonly id: number
  readonly name: RepositoryName
  readonly defaultBranch: string
  /** Whether our credentials may push. */
  readonly canPush: boolean
  readonly archived: boolean
}

export type PullRequest = {
  readonly number: number
  readonly url: string
  readonly state: 'open' | 'closed' | 'merged'
  readonly draft: boolean
  readonly title: string
  readonly body: string
  readonly author: string
  readonly headBranch: string
  readonly headCommitId: string
  /** The head branch lives in this very repository, not in a fork. */
  readonly headInRepository: boolean
  readonly baseBranch: string
  /** Login of whoever merged or closed it, where GitHub says so. */
  readonly endedBy?: string
}

/** What a person may do in a repository; `none` also when GitHub does not know. */
export type Permission = 'admin' | 'maintain' | 'write' | 'triage' | 'read' | 'none'

/**
 * GitHub, as far as DevBot uses it. All lists are complete (every page). Errors are DevBotError: `transient` (5xx, network,
 * rate limits, with `retryAfterMs` where GitHub named it), `permission` (401, 403, 404 on a repository), `conflict`
 * (409, 422), each with a code and what to do. Requests are retried within limits only where a repetition is harmless.
 */
export interface GitHubClient {
  /** Our own login, as GitHub knows it: `devbot` or `my-app[bot]`. */
  login(): Promise<string>
  repository(name: RepositoryName): Promise<RepositoryFacts>
  /** Every pull request, open or not, whose head is this branch of this very repository. */
  pullRequestsOfBranch(name: RepositoryName, branch: string): Promise<readonly PullRequest[]>
  /**
   * Pull requests of the repository by whoever opened them, newest first: all that are open, and the newest 3,000 of
   * those that ended.
   */
  listPullRequests(name: RepositoryName): Promise<readonly PullRequest[]>
  pullRequest(name: RepositoryName, number: number): Promise<PullRequest>
  /**
   * Creates a pull request, by one request. When GitHub says that one exists for this branch, the existing one is
   * returned. `transient` leaves open whether it was made. Nothing is sent once the signal has aborted.
   */
  createPullRequest(
    name: RepositoryName,
    input: {
      readonly branch: string
      readonly base: string
      readonly title: string
      readonly body: string
      readonly draft: boolean
    },
    signal?: AbortSignal,
  ): Promise<PullRequest>
  updatePullRequestBody(name: RepositoryName, number: number, body: string): Promise<void>
  addLabels(name: RepositoryName, number: number, labels: readonly string[]): Promise<void>
  /** Asks for reviews. People who cannot review (the author, strangers) are left out, and returned. */
  requestReviewers(name: RepositoryName, number: number, logins: readonly string[]): Promise<readonly string[]>
  /** Submitted reviews, inline comments and conversation comments, oldest first, not judged in any way. */
  listFeedback(name: RepositoryName, number: number): Promise<readonly FeedbackItem[]>
  /** Asked anew each time; never from a payload. */
  permissionOf(name: RepositoryName, login: string): Promise<Permission>
  /** Bodies of our own comments on a pull request, inline and conversation, to see what was answered already. */
  listOwnComments(name: RepositoryName, number: number): Promise<readonly string[]>
  /** Like `comment`, not sent once the signal has aborted. */
  replyToInlineComment(
    name: RepositoryName,
    number: number,
    commentId: number,
    body: string,
    signal?: AbortSignal,
  ): Promise<void>
  comment(name: RepositoryName, number: number, body: string, signal?: AbortSignal): Promise<void>
  /** For one git operation on one repository. */
  gitCredentials(name: RepositoryName): Promise<{ readonly username: string; readonly password: string }>
}
