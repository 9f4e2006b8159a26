import { z } from 'zod'
import { movedLine } from '../git/locate-line.ts'
import type { Hub } from '../hub.ts'
import type { CommentRecord, LocalRepository } from '../repositories.ts'
import { type JsonObject, normalised } from '../rest/context.ts'

const commentSchema = z.looseObject({ id: z.number(), html_url: z.string(), url: z.string() })

/** An inline comment as GitHub tells it: where it was made, where that line is now, and the hunk it is about. */
export async function completeComment(hub: Hub, repository: LocalRepository, raw: unknown): Promise<JsonObject> {
  const comment = commentSchema.parse(normalised(hub, raw, repository))
  const record = repository.comments.get(comment.id)
  if (record === undefined) return comment
  const { in_reply_to_id: _unknown, ...rest } = comment
  return {
    ...rest,
    ...(await placeJson(repository, record)),
    pull_request_review_id: record.reviewId,
    ...(record.inReplyToId === undefined ? {} : { in_reply_to_id: record.inReplyToId }),
    _links: {
      self: { href: comment.url },
      html: { href: comment.html_url },
      pull_request: { href: comment.pull_request_url },
    },
  }
}

async function placeJson(repository: LocalRepository, record: CommentRecord) {
  const headId = repository.pulls.get(record.pullNumber)?.headId ?? record.originalCommitId
  const now = (line: number | undefined) => currentLine(repository, record, headId, line)
  const line = await now(record.originalLine)
  const outdated = record.subjectType === 'line' && line === undefined
  return {
    path: record.path,
    diff_hunk: record.hunk,
    subject_type: record.subjectType,
    side: record.side,
    line: line ?? null,
    original_line: record.originalLine ?? null,
    start_line: outdated ? null : ((await now(record.originalStartLine)) ?? null),
    original_start_line: record.originalStartLine ?? null,
    start_side: record.originalStartLine === undefined ? null : record.side,
    position: outdated ? null : (record.originalPosition ?? 1),
    original_position: record.originalPosition ?? 1,
    commit_id: outdated ? record.originalCommitId : headId,
    original_commit_id: record.originalCommitId,
  }
}

/** Undefined when the line is no longer what the comment was about: GitHub calls such a comment outdated. */
async function currentLine(
  repository: LocalRepository,
  record: CommentRecord,
  headId: string,
  line: number | undefined,
): Promise<number | undefined> {
  if (line === undefined || record.side === 'LEFT') return line
  return movedLine(repository.directory, record.originalCommitId, headId, record.path, line)
}
