import { type ChangedFile, readCommit } from '../git/change-facts.ts'
import type { Hub } from '../hub.ts'
import type { LocalRepository } from '../repositories.ts'

/** A commit as GitHub tells it. Its people are those of the commit; nobody is looked up by e-mail. */
export async function commitJson(hub: Hub, repository: LocalRepository, id: string) {
  const commit = await readCommit(repository.directory, id)
  const api = `${hub.addresses.apiUrl}/repos/${repository.fullName}`
  const page = `${hub.addresses.serverUrl}/${repository.fullName}/commit`
  return {
    sha: id,
    url: `${api}/commits/${id}`,
    html_url: `${page}/${id}`,
    commit: {
      author: commit.author,
      committer: commit.committer,
      message: commit.message.replace(/\n$/, ''),
      tree: { sha: commit.tree, url: `${api}/git/trees/${commit.tree}` },
      url: `${api}/git/commits/${id}`,
      comment_count: 0,
      verification: { verified: false, reason: 'unsigned', signature: null, payload: null, verified_at: null },
    },
    author: null,
    committer: null,
    parents: commit.parents.map((sha) => ({ sha, url: `${api}/commits/${sha}`, html_url: `${page}/${sha}` })),
  }
}

/** A changed file as GitHub tells it. */
export function fileJson(hub: Hub, repository: LocalRepository, file: ChangedFile, commitId: string) {
  const path = file.path.split('/').map(encodeURIComponent).join('/')
  const page = `${hub.addresses.serverUrl}/${repository.fullName}`
  return {
    sha: file.blobId,
    filename: file.path,
    status: file.status,
    additions: file.additions,
    deletions: file.deletions,
    changes: file.additions + file.deletions,
    blob_url: `${page}/blob/${commitId}/${path}`,
    raw_url: `${page}/raw/${commitId}/${path}`,
    contents_url: `${hub.addresses.apiUrl}/repos/${repository.fullName}/contents/${path}?ref=${commitId}`,
    ...(file.previousPath === undefined ? {} : { previous_filename: file.previousPath }),
    ...(file.patch === undefined ? {} : { patch: file.patch }),
  }
}
