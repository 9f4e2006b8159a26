import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { branchNameProblem, DevBotError, type ObjectId, objectIdSchema } from '@devbot/contracts'
import { removeLeftovers } from './bare-repository.ts'
import { resolve } from './commits.ts'
import { hasCode, type Network, runOnce, withRetries } from './network-operation.ts'
import type { Git } from './spawn-git.ts'

/** Brings a branch with its history into the store. */
export async function fetchBranch(network: Network, branch: string): Promise<ObjectId> {
  const { git, options } = network
  const ref = refOf(branch)
  const target = storeRefOf(branch)
  const args = ['fetch', '--quiet', '--force', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance']
  await withRetries(network, async () => {
    try {
      await runOnce(network, [...args, '--', options.remoteUrl, `+${ref}:${target}`], 'git-upload-pack')
    } catch (error) {
      // The server answers, so either the branch is not there, or something passing: a lost line, a lock left behind.
      if (!hasCode(error, 'git-network-failed')) throw error
      if ((await askHead(network, ref)) === undefined) throw missingBranch(branch, options.remoteUrl)
      await removeLeftovers(git.directory, Date.now())
      throw error
    }
  })
  return resolve(git, `${target}^{commit}`)
}

/** What a branch pointed at when it was last fetched. The ref's own file says it sooner than git, which knows all other ways. */
export async function knownHead(git: Git, branch: string): Promise<ObjectId | undefined> {
  const written = objectIdSchema.safeParse((await readRefFile(git, storeRefOf(branch)))?.trim())
  if (written.success) return written.data
  const { stdout } = await git.run(['for-each-ref', '--format=%(objectname)', storeRefOf(branch)])
  const id = stdout.toString('utf8').trim()
  return id === '' ? undefined : objectIdSchema.parse(id)
}

async function readRefFile({ directory }: Git, ref: string): Promise<string | undefined> {
  try {
    return await readFile(join(directory, ref), 'utf8')
  } catch {
    // Not fetched yet, packed with others, or kept in another way: git is asked.
    return undefined
  }
}

/** What a branch points at on the remote now. */
export async function askHead(network: Network, ref: string): Promise<ObjectId | undefined> {
  const { stdout } = await runOnce(network, ['ls-remote', '--', network.options.remoteUrl, ref], 'git-upload-pack')
  for (const line of stdout.split('\n')) {
    const [id, name] = line.split('\t')
    if (name === ref) return objectIdSchema.parse(id)
  }
  return undefined
}

/** Names outside DevBot's own grammar are left out: nothing of ours has one. */
export async function askBranches(network: Network, prefix: string): Promise<ReadonlyMap<string, ObjectId>> {
  // Both ends are checked again below: the pattern only keeps the answer small.
  const pattern = `${refOf(`${prefix}x`).slice(0, -1)}*`
  const { stdout } = await runOnce(network, ['ls-remote', '--', network.options.remoteUrl, pattern], 'git-upload-pack')
  const branches = new Map<string, ObjectId>()
  for (const line of stdout.split('\n')) {
    const [id, ref = ''] = line.split('\t')
    const name = ref.slice('refs/heads/'.length)
    if (ref !== `refs/heads/${name}` || !name.startsWith(prefix) || branchNameProblem(name) !== undefined) continue
    branches.set(name, objectIdSchema.parse(id))
  }
  return branches
}

/** A branch's full name on the remote. Throws for what DevBot's own grammar does not know. */
export function refOf(branch: string): string {
  const problem = branchNameProblem(branch)
  if (problem === undefined) return `refs/heads/${branch}`
  throw new DevBotError({
    category: 'invalid-input',
    code: 'git-branch-name-refused',
    message: `branch ${JSON.stringify(branch)}: ${problem}`,
  })
}

/** One ref per branch, named by a hash: `a` and `a/b` at different times do not get in each other's way. */
function storeRefOf(branch: string): string {
  return `refs/devbot/${createHash('sha256').update(branch).digest('hex').slice(0, 40)}`
}

function missingBranch(branch: string, remoteUrl: string): DevBotError {
  return new DevBotError({
    category: 'invalid-input',
    code: 'git-branch-missing',
    message: `expected a branch ${branch} in ${remoteUrl}; there is none`,
  })
}
