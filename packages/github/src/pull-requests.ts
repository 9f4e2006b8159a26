import { categoryOf, DevBotError, type RepositoryName } from '@devbot/contracts'
import { z } from 'zod'
import type { GitHubClient, PullRequest } from './client.ts'
import { actorSchema, type GitHubPullRequest, pullRequestSchema } from './github-objects.ts'
import type { Identity } from './identity.ts'
import { listAll, listFirst, PAGE_SIZE } from './list-all.ts'
import { repeatable, unless } from './octokit-for.ts'
import { ownerAndRepo } from './owner-and-repo.ts'
import { parseAnswer } from './parse-answer.ts'

type PullRequestCalls = Pick<
  GitHubClient,
  | 'pullRequestsOfBranch'
  | 'listPullRequests'
  | 'pullRequest'
  | 'createPullRequest'
  | 'updatePullRequestBody'
  | 'addLabels'
  | 'requestReviewers'
>
type NewPullRequest = Parameters<GitHubClient['createPullRequest']>[1]

/** Pages of ended pull requests that are looked at; each is a request and may be some megabytes. */
const MAX_ENDED_PAGES = 30

const issueSchema = z.object({ closed_by: actorSchema })

/** Finding, making and changing pull requests. */
export function createPullRequestCalls(identity: Identity): PullRequestCalls {
  const restOf = (name: RepositoryName) => identity.octokit(name).rest

  async function pullRequestsOfBranch(name: RepositoryName, branch: string) {
    const octokit = identity.octokit(name)
    const where = ownerAndRepo(name)
    const pages = octokit.paginate.iterator(octokit.rest.pulls.list, {
      ...where,
      head: `${where.owner}:${branch}`,
      state: 'all',
      per_page: PAGE_SIZE,
    })
    const rows = await listAll(pages, pullRequestSchema, 'pull requests')
    // GitHub's filter knows the head's owner only, who may have the branch in a fork too.
    return rows.map((row) => toPullRequest(row)).filter((row) => row.headBranch === branch && row.headInRepository)
  }

  async function listPullRequests(name: RepositoryName) {
    const octokit = identity.octokit(name)
    const pagesOf = (state: 'open' | 'closed') =>
      octokit.paginate.iterator(octokit.rest.pulls.list, {
        ...ownerAndRepo(name),
        state,
        sort: 'created',
        direction: 'desc',
        per_page: PAGE_SIZE,
      })
    const open = await listAll(pagesOf('open'), pullRequestSchema, 'open pull requests')
    const ended = await listFirst(pagesOf('closed'), pullRequestSchema, 'ended pull requests', MAX_ENDED_PAGES)
    // One that ended between the two lists stands in both: its newer state counts.
    const byNumber = new Map([...open, ...ended].map((row) => [row.number, toPullRequest(row)]))
    return [...byNumber.values()].toSorted((a, b) => b.number - a.number)
  }

  async function openPullRequest(name: RepositoryName, branch: string, base: string) {
    const found = await pullRequestsOfBranch(name, branch)
    return found.find((row) => row.state === 'open' && row.baseBranch === base)
  }

  async function pullRequest(name: RepositoryName, number: number) {
    const { data } = await restOf(name).pulls.get({ ...ownerAndRepo(name), pull_number: number })
    const row = parseAnswer(pullRequestSchema, data, 'a pull request')
    return toPullRequest(row, row.merged_by?.login ?? (await closedBy(name, row)))
  }

  /** Who closed it without a merge is told only by the issue behind the pull request. */
  async function closedBy(name: RepositoryName, row: GitHubPullRequest): Promise<string | undefined> {
    if (row.state === 'open' || row.merged_at) return undefined
    try {
      const { data } = await restOf(name).issues.get({ ...ownerAndRepo(name), issue_number: row.number })
      return parseAnswer(issueSchema, data, 'an issue').closed_by?.login
    } catch (error) {
      // Credentials may reach pull requests but not issues; the name is only for the reader.
      if (categoryOf(error) === 'permission') return undefined
      throw error
    }
  }

  async function createPullRequest(
    name: RepositoryName,
    { branch, ...rest }: NewPullRequest,
    signal?: AbortSignal,
  ): Promise<PullRequest> {
    try {
      const input = { ...ownerAndRepo(name), head: branch, ...rest, ...unless(signal) }
      const { data } = await restOf(name).pulls.create(input)
      return toPullRequest(parseAnswer(pullRequestSchema, data, 'the new pull request'))
    } catch (error) {
      // A lost answer is the caller's: by the time it is asked again, nobody may want a pull request any more.
      if (categoryOf(error) !== 'conflict') throw error
      const existing = await openPullRequest(name, branch, rest.base)
      if (existing === undefined) throw error
      return existing
    }
  }

  async function mayReview(name: RepositoryName, number: number, logins: readonly string[]): Promise<boolean> {
    try {
      const input = { ...ownerAndRepo(name), pull_number: number, reviewers: [...logins], ...repeatable }
      await restOf(name).pulls.requestReviewers(input)
      return true
    } catch (error) {
      if (error instanceof DevBotError && error.code === 'github-unprocessable') return false
      throw error
    }
  }

  return {
    pullRequestsOfBranch,
    listPullRequests,
    pullRequest,
    createPullRequest,
    async updatePullRequestBody(name, number, body) {
      await restOf(name).pulls.update({ ...ownerAndRepo(name), pull_number: number, body })
    },
    async addLabels(name, number, labels) {
      if (labels.length === 0) return
      await restOf(name).issues.addLabels({
        ...ownerAndRepo(name),
        issue_number: number,
        labels: [...labels],
        ...repeatable,
      })
    },
    async requestReviewers(name, number, logins) {
      if (logins.length === 0) return []
      const { author } = await pullRequest(name, number)
      const others = logins.filter((login) => login.toLowerCase() !== author.toLowerCase())
      const leftOut = logins.filter((login) => !others.includes(login))
      // GitHub refuses all for one who cannot review, so after a refusal each is asked alone.
      if (others.length === 0 || (await mayReview(name, number, others))) return leftOut
      if (others.length === 1) return [...leftOut, ...others]
      for (const login of others) if (!(await mayReview(name, number, [login]))) leftOut.push(login)
      return leftOut
    },
  }
}

function toPullRequest(row: GitHubPullRequest, endedBy?: string): PullRequest {
  return {
    number: row.number,
    url: row.html_url,
    state: row.merged_at ? 'merged' : row.state,
    draft: row.draft ?? false,
    title: row.title,
    body: row.body ?? '',
    author: row.user?.login ?? 'ghost',
    headBranch: row.head.ref,
    headCommitId: row.head.sha,
    headInRepository: row.head.repo?.id === row.base.repo.id,
    baseBranch: row.base.ref,
    ...(endedBy === undefined ? {} : { endedBy }),
  }
}
