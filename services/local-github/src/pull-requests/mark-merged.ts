import type { Hub } from '../hub.ts'
import type { LocalRepository, PullRecord } from '../repositories.ts'

/**
 * Tells the emulator that a pull request was merged, after git has the merge. The emulator makes a merge commit of its
 * own and moves its base branch there: the branch is put back to what git says, and nobody sees that commit.
 */
export async function markMerged(
  hub: Hub,
  repository: LocalRepository,
  pull: PullRecord,
  mergeCommitId: string,
  emulatorToken: string,
): Promise<void> {
  repository.pulls.set(pull.number, { ...pull, open: false, mergeCommitId })
  const base = `/repos/${repository.fullName}`
  const own = { token: emulatorToken }
  await hub.emulator.expect({ method: 'PATCH', path: `${base}/pulls/${pull.number}`, body: { draft: false }, ...own })
  await hub.emulator.expect({ method: 'PUT', path: `${base}/pulls/${pull.number}/merge`, body: {}, ...own })
  const ref = `refs/heads/${pull.baseRef}`
  const real = repository.mirroredRefs.get(ref)
  if (real === undefined) return
  const sha = repository.idInEmulator.get(real) ?? real
  const path = `${base}/git/${ref.split('/').map(encodeURIComponent).join('/')}`
  await hub.emulator.expect({ method: 'PATCH', path, body: { sha, force: true } })
}
