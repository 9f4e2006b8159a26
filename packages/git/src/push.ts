import { DevBotError, type ObjectId } from '@devbot/contracts'
import { checkNewObjects } from './check-objects.ts'
import { hasCommit, isAncestor } from './commits.ts'
import { hasCategory, hasCode, type Network, runOnce, withRetries } from './network-operation.ts'
import { askHead, refOf } from './remote.ts'
import type { RepositoryStore } from './repository-store.ts'
import type { Git } from './spawn-git.ts'

type PushInput = Parameters<RepositoryStore['push']>[0]

/** Exactly one ref, a lease on its old id, and nothing that could make more of it. */
const PUSH_OPTIONS = ['--porcelain', '--no-verify', '--recurse-submodules=no', '--no-follow-tags', '--no-signed']

/** The server said twice that it does not take the push, and the branch did not move: no third try will change it. */
const FINAL_REFUSALS = 2

/**
 * Pushes one commit to one branch, fast-forward only and leased. After every failure the remote is asked what is true
 * now, so a push whose answer got lost is success, and nothing is made twice.
 */
export async function push(network: Network, input: PushInput): Promise<void> {
  const { git, options } = network
  const { branch, commitId, expectedHeadId } = input
  const ref = refOf(branch)
  await refuseNonFastForward(git, input)
  await checkNewObjects(git, commitId)
  const lease = `--force-with-lease=${ref}:${expectedHeadId ?? ''}`
  const args = ['push', ...PUSH_OPTIONS, lease, '--', options.remoteUrl, `${commitId}:${ref}`]
  let refusals = 0
  await withRetries(network, async () => {
    try {
      await runOnce(network, args, 'git-receive-pack')
    } catch (error) {
      if (!hasCategory(error, 'transient')) throw error
      // Where the remote cannot even be asked, what went wrong first is what people need to see.
      const headId = await askHead(network, ref).catch(() => {
        throw error
      })
      if (headId === commitId) return
      if (headId !== expectedHeadId) throw movedBranch(branch, expectedHeadId, headId, error)
      if (hasCode(error, 'git-ref-refused')) refusals += 1
      throw refusals === FINAL_REFUSALS ? rejectedPush(branch, error) : error
    }
  })
}

/** The lease alone would allow any rewrite of the expected commit; DevBot only ever adds to it. */
async function refuseNonFastForward(git: Git, input: PushInput): Promise<void> {
  const { branch, commitId, expectedHeadId } = input
  if (!(await hasCommit(git, commitId))) throw unknownCommit(commitId)
  if (expectedHeadId === undefined || (await isAncestor(git, expectedHeadId, commitId))) return
  throw new DevBotError({
    category: 'conflict',
    code: 'git-push-not-fast-forward',
    message: `expected commit ${commitId} to be built upon ${expectedHeadId}, the head of ${branch}, so that nothing is lost; nothing was pushed`,
  })
}

function unknownCommit(commitId: ObjectId): DevBotError {
  return new DevBotError({
    category: 'transient',
    code: 'git-commit-missing',
    message: `commit ${commitId} is not in the store; the cache was emptied, the work has to be built again`,
  })
}

function movedBranch(
  branch: string,
  expectedId: ObjectId | undefined,
  foundId: ObjectId | undefined,
  cause: unknown,
): DevBotError {
  const name = (id: ObjectId | undefined) => id ?? 'no branch'
  return new DevBotError({
    category: 'conflict',
    code: 'git-branch-moved',
    message: `expected ${branch} to be at ${name(expectedId)}, found ${name(foundId)}: somebody else changed it; nothing was pushed`,
    cause,
  })
}

function rejectedPush(branch: string, cause: unknown): DevBotError {
  const said = cause instanceof DevBotError ? cause.message : ''
  return new DevBotError({
    // No repetition changes it: a person has to.
    category: 'permission',
    code: 'git-push-rejected',
    message: `the server answers, but does not accept the push to ${branch} (a rule, a protected branch, secret scanning?); ${said}`,
    cause,
  })
}
