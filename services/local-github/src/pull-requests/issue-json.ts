import { z } from 'zod'
import type { Hub } from '../hub.ts'
import type { LocalRepository } from '../repositories.ts'
import { type JsonObject, normalised } from '../rest/context.ts'

const issueSchema = z.looseObject({ number: z.number() })
const commentSchema = z.looseObject({ html_url: z.string(), issue_url: z.string().optional() })

/** An issue as GitHub tells it: one that is a pull request says so. */
export async function completeIssue(hub: Hub, repository: LocalRepository, raw: unknown): Promise<JsonObject> {
  const issue = issueSchema.parse(normalised(hub, raw, repository))
  const record = repository.pulls.get(issue.number)
  if (record === undefined) return issue
  const page = `${hub.addresses.serverUrl}/${repository.fullName}/pull/${issue.number}`
  return {
    ...issue,
    html_url: page,
    pull_request: {
      url: `${hub.addresses.apiUrl}/repos/${repository.fullName}/pulls/${issue.number}`,
      html_url: page,
      diff_url: `${page}.diff`,
      patch_url: `${page}.patch`,
      merged_at: record.mergeCommitId === undefined ? null : (issue.closed_at ?? null),
    },
  }
}

/** A conversation comment, whose page is the pull request's. Expects our own addresses already. */
export function completeIssueComment(repository: LocalRepository, value: unknown): JsonObject {
  const comment = commentSchema.parse(value)
  const number = Number(/\/issues\/(\d+)#/.exec(comment.html_url)?.[1])
  if (!repository.pulls.has(number)) return comment
  return { ...comment, html_url: comment.html_url.replace(`/issues/${number}#`, `/pull/${number}#`) }
}
