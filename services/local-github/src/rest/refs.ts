import { resolveCommit, updateRef, ZERO_ID } from '../git/bare-repository.ts'
import { isAncestor } from '../git/change-facts.ts'
import { gitText } from '../git/run-git.ts'
import { Refusal } from '../problem.ts'
import { afterRefChanges } from '../pull-requests/after-ref-changes.ts'
import { type RepositoryRequest, type RestAnswer, requireRole } from './context.ts'

/** `POST`, `PATCH` and `DELETE` of `/git/refs`: git moves first, then everything follows as after a push. */
export async function changeRef(request: RepositoryRequest, name: string | undefined): Promise<RestAnswer> {
  requireRole(request, 'write')
  const { repository } = request
  const ref = name === undefined ? String(request.body?.ref ?? '') : `refs/${name}`
  await refuseBadRef(request, ref)
  const before = await resolveCommit(repository.directory, ref)
  if (request.method === 'POST' && before !== undefined) throw new Refusal(422, 'Reference already exists')
  if (request.method !== 'POST' && before === undefined) throw new Refusal(422, 'Reference does not exist')
  const after = request.method === 'DELETE' ? undefined : await wantedCommit(request)
  if (request.method === 'PATCH' && request.body?.force !== true && before !== undefined && after !== undefined) {
    if (!(await isAncestor(repository.directory, before, after))) throw new Refusal(422, 'Update is not a fast forward')
  }
  await updateRef(repository.directory, ref, after)
  const change = { ref, before: before ?? ZERO_ID, after: after ?? ZERO_ID }
  await afterRefChanges(request.hub, repository, [change], request.identity)
  if (after === undefined) return { status: 204 }
  const url = `${request.hub.addresses.apiUrl}/repos/${repository.fullName}/git/${ref}`
  return { status: request.method === 'POST' ? 201 : 200, body: { ref, url, object: { type: 'commit', sha: after } } }
}

async function refuseBadRef(request: RepositoryRequest, ref: string): Promise<void> {
  const { directory, protectedBranches } = request.repository
  if (!/^refs\/(heads|tags)\/[^-]/.test(ref)) throw new Refusal(422, 'Reference name is invalid')
  if (protectedBranches.some((branch) => ref === `refs/heads/${branch}`)) {
    throw new Refusal(422, `Protected branch update failed for ${ref}.`)
  }
  if (request.method !== 'DELETE') return
  if (ref === (await gitText(directory, ['symbolic-ref', 'HEAD']))) {
    throw new Refusal(422, 'Cannot delete the default branch')
  }
}

async function wantedCommit(request: RepositoryRequest): Promise<string> {
  const sha = String(request.body?.sha ?? '')
  const id = /^[0-9a-f]{40}$/.test(sha) ? await resolveCommit(request.repository.directory, sha) : undefined
  if (id === undefined) throw new Refusal(422, 'Object does not exist')
  return id
}
