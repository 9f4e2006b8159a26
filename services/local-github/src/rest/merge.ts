import { branchHead, updateRef } from '../git/bare-repository.ts'
import { mergedTree, readCommit } from '../git/change-facts.ts'
import { gitText } from '../git/run-git.ts'
import { Refusal } from '../problem.ts'
import { afterRefChanges } from '../pull-requests/after-ref-changes.ts'
import { markMerged } from '../pull-requests/mark-merged.ts'
import { fetchPull } from '../pull-requests/pull-json.ts'
import type { PullRecord } from '../repositories.ts'
import { type RepositoryRequest, type RestAnswer, requireRole } from './context.ts'
import { recordOf } from './pulls.ts'

/** `PUT /pulls/N/merge`: a real merge (or squash) in git, then everything that follows from a moved base branch. */
export async function mergePull(request: RepositoryRequest, number: number): Promise<RestAnswer> {
  const { hub, repository, identity } = request
  requireRole(request, 'write')
  const record = recordOf(repository, number)
  const pull = await fetchPull(hub, repository, number)
  if (!record.open) throw new Refusal(405, 'Pull Request is not mergeable')
  if (pull.draft === true) throw new Refusal(405, 'Pull Request is still a draft')
  const wanted = request.body?.sha
  if (typeof wanted === 'string' && wanted !== record.headId) {
    throw new Refusal(409, 'Head branch was modified. Review and try the merge again.')
  }
  const before = await branchHead(repository.directory, record.baseRef)
  const after = before === undefined ? undefined : await mergeCommit(request, record, before, String(pull.title))
  if (before === undefined || after === undefined) throw new Refusal(405, 'Pull Request is not mergeable')
  const ref = `refs/heads/${record.baseRef}`
  await updateRef(repository.directory, ref, after)
  // First merged, then moved: the moved base branch must not count as a merge of its own.
  repository.pulls.set(number, { ...record, open: false, mergeCommitId: after })
  await afterRefChanges(hub, repository, [{ ref, before, after }], identity)
  await markMerged(hub, repository, record, after, identity.emulatorToken)
  return { status: 200, body: { sha: after, merged: true, message: 'Pull Request successfully merged' } }
}

async function mergeCommit(
  request: RepositoryRequest,
  record: PullRecord,
  base: string,
  pullTitle: string,
): Promise<string | undefined> {
  const { repository, identity, body } = request
  const tree = await mergedTree(repository.directory, base, record.headId)
  if (tree === undefined) return undefined
  const squash = body?.merge_method === 'squash' || body?.merge_method === 'rebase'
  const usual = squash
    ? `${pullTitle} (#${record.number})`
    : `Merge pull request #${record.number} from ${repository.owner}/${record.headRef}`
  const title = typeof body?.commit_title === 'string' ? body.commit_title : usual
  const detail =
    typeof body?.commit_message === 'string' ? `\n\n${body.commit_message}` : squash ? '' : `\n\n${pullTitle}`
  const parents = squash ? [base] : [base, record.headId]
  const { date } = (await readCommit(repository.directory, record.headId)).committer
  const email = `${identity.login}@users.noreply.github.com`
  const who = ['-c', `user.name=${identity.login}`, '-c', `user.email=${email}`]
  const args = [...who, 'commit-tree', tree, ...parents.flatMap((id) => ['-p', id])]
  // A merge is dated now, and never before what it merges.
  const nowMs = Math.max(Date.now(), Date.parse(date))
  return gitText(repository.directory, [...args, '-F', '-'], `${title}${detail}\n`, {
    GIT_AUTHOR_DATE: new Date(nowMs).toISOString(),
    GIT_COMMITTER_DATE: new Date(nowMs).toISOString(),
  })
}
