import { branchHead, type RefChange, readRefs, updateRef, ZERO_ID } from '../git/bare-repository.ts'
import { isAncestor } from '../git/change-facts.ts'
import type { Hub } from '../hub.ts'
import type { Identity } from '../identities.ts'
import { mirrorRefs } from '../mirror-refs.ts'
import type { LocalRepository, PullRecord } from '../repositories.ts'
import { sendPush } from '../webhooks/push-event.ts'
import { markMerged } from './mark-merged.ts'
import { fetchPull, repositoryJson, userJson } from './pull-json.ts'

const BRANCH_PREFIX = 'refs/heads/'

/**
 * What follows when refs changed in git: the emulator learns of it, pull requests move with their head branch (or
 * close when it is gone, or count as merged when the base took them in), and events go out. To be called alone per
 * repository.
 */
export async function afterRefChanges(
  hub: Hub,
  repository: LocalRepository,
  changes: readonly RefChange[],
  by: Identity,
): Promise<void> {
  if (changes.length === 0) return
  await mirrorRefs(hub.emulator, repository, await readRefs(repository.directory))
  for (const change of changes) {
    await sendPush(hub, repository, change, by)
    if (!change.ref.startsWith(BRANCH_PREFIX)) continue
    const branch = change.ref.slice(BRANCH_PREFIX.length)
    const open = [...repository.pulls.values()].filter((pull) => pull.open)
    for (const pull of open.filter((candidate) => candidate.headRef === branch)) {
      await followHead(hub, repository, pull, change, by)
    }
    if (change.after === ZERO_ID) continue
    for (const pull of open.filter((candidate) => candidate.baseRef === branch)) {
      if (!(await isAncestor(repository.directory, pull.headId, change.after))) continue
      await markMerged(hub, repository, pull, change.after, by.emulatorToken)
    }
  }
}

async function followHead(
  hub: Hub,
  repository: LocalRepository,
  pull: PullRecord,
  change: RefChange,
  by: Identity,
): Promise<void> {
  if (change.after === ZERO_ID) {
    repository.pulls.set(pull.number, { ...pull, open: false })
    const path = `/repos/${repository.fullName}/pulls/${pull.number}`
    await hub.emulator.expect({ method: 'PATCH', path, body: { state: 'closed' }, token: by.emulatorToken })
    return
  }
  const moved = await recordHead(repository, pull)
  if (moved.headId === pull.headId) return
  hub.deliveries.send('pull_request', {
    action: 'synchronize',
    number: pull.number,
    before: pull.headId,
    after: moved.headId,
    pull_request: await fetchPull(hub, repository, pull.number),
    repository: await repositoryJson(hub, repository),
    sender: await userJson(hub, by.login),
  })
}

/** Notes where the branches of a pull request stand now, also as git's own `refs/pull/N/head`. */
export async function recordHead(repository: LocalRepository, pull: PullRecord): Promise<PullRecord> {
  const headId = (await branchHead(repository.directory, pull.headRef)) ?? pull.headId
  const baseId = (await branchHead(repository.directory, pull.baseRef)) ?? pull.baseId
  const moved = { ...pull, headId, baseId }
  repository.pulls.set(pull.number, moved)
  await updateRef(repository.directory, `refs/pull/${pull.number}/head`, headId)
  return moved
}
