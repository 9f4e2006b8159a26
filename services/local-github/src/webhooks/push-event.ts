import { type RefChange, resolveCommit, ZERO_ID } from '../git/bare-repository.ts'
import { changedFiles, commitIdsBetween, isAncestor, readCommit } from '../git/change-facts.ts'
import type { Hub } from '../hub.ts'
import type { Identity } from '../identities.ts'
import { repositoryJson, userJson } from '../pull-requests/pull-json.ts'
import type { LocalRepository } from '../repositories.ts'

/** Most commits in one push event; GitHub's own limit is 2,048. */
const MAX_COMMITS = 2048

/** Sends the `push` event of one changed ref. */
export async function sendPush(hub: Hub, repository: LocalRepository, change: RefChange, by: Identity): Promise<void> {
  const { before, after, ref } = change
  const created = before === ZERO_ID
  const deleted = after === ZERO_ID
  const { directory } = repository
  const commits = deleted ? [] : await pushedCommits(hub, repository, before, after)
  const page = `${hub.addresses.serverUrl}/${repository.fullName}/compare`
  hub.deliveries.send('push', {
    ref,
    before,
    after,
    created,
    deleted,
    forced: !created && !deleted && !(await isAncestor(directory, before, after)),
    base_ref: null,
    compare: `${page}/${before.slice(0, 12)}...${after.slice(0, 12)}`,
    commits,
    head_commit: commits.at(-1) ?? null,
    pusher: { name: by.login, email: `${by.login}@users.noreply.github.com` },
    repository: await repositoryJson(hub, repository),
    sender: await userJson(hub, by.login),
  })
}

async function pushedCommits(hub: Hub, repository: LocalRepository, before: string, after: string) {
  const { directory } = repository
  const tip = await resolveCommit(directory, after)
  if (tip === undefined) return []
  // A new branch brings what the default branch does not have.
  const from = before === ZERO_ID ? await resolveCommit(directory, 'HEAD') : before
  const ids = from === undefined || from === tip ? [tip] : await commitIdsBetween(directory, from, tip)
  return Promise.all(ids.slice(-MAX_COMMITS).map((id) => pushedCommit(hub, repository, id)))
}

async function pushedCommit(hub: Hub, repository: LocalRepository, id: string) {
  const commit = await readCommit(repository.directory, id)
  const parent = commit.parents[0]
  const files = parent === undefined ? [] : await changedFiles(repository.directory, parent, id)
  const paths = (status: string) => files.filter((file) => file.status === status).map((file) => file.path)
  return {
    id,
    tree_id: commit.tree,
    distinct: true,
    message: commit.message.replace(/\n$/, ''),
    timestamp: commit.committer.date,
    url: `${hub.addresses.serverUrl}/${repository.fullName}/commit/${id}`,
    author: { name: commit.author.name, email: commit.author.email },
    committer: { name: commit.committer.name, email: commit.committer.email },
    added: paths('added'),
    removed: paths('removed'),
    modified: files.filter((file) => file.status !== 'added' && file.status !== 'removed').map((file) => file.path),
  }
}
