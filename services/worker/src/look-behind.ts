import type { LeftBehind, RepositoryName } from '@devbot/contracts'
import type { WorkerDeps } from './deps.ts'
import { ownMarker } from './task-marker.ts'

/** Of those that ended, the newest are remembered; a plan that is older than all of them has its report. */
const MAX_ENDED = 2_000
const MAX_BRANCHES = 1_000

/**
 * Asks GitHub what DevBot made in a repository, and remembers it: all pull requests of our own identity that carry a
 * marker, and the branches under the prefix that have no pull request.
 */
export async function lookBehind(deps: WorkerDeps, repository: RepositoryName): Promise<LeftBehind> {
  const atMs = deps.now()
  const { store } = await deps.repositories.open(repository)
  // Branches first: one whose pull request is created in between is found as a pull request then, never as nothing.
  const branches = await store.remoteBranches(deps.settings.branchPrefix)
  const listed = await deps.github.listPullRequests(repository)
  const pulls: LeftBehind['pulls'] = []
  let ended = 0
  for (const pull of listed) {
    const marker = await ownMarker(deps, pull)
    if (marker === undefined || (pull.state !== 'open' && ++ended > MAX_ENDED)) continue
    pulls.push({ number: pull.number, state: pull.state, marker })
  }
  const withPull = new Set(listed.filter((pull) => pull.headInRepository).map((pull) => pull.headBranch))
  const left: LeftBehind = {
    version: 1,
    atMs,
    pulls,
    branches: [...branches]
      .filter(([name]) => !withPull.has(name))
      .slice(-MAX_BRANCHES)
      .map(([name, headId]) => ({ name, headId })),
  }
  await deps.ledger.rememberLeftBehind(repository, left)
  if (pulls.length > 0)
    deps.log.info({ repository, pulls: pulls.length }, 'found pull requests of an earlier ledger on GitHub')
  return left
}
