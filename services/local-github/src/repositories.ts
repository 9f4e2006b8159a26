import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DevBotError, repositoryNameSchema } from '@devbot/contracts'
import { z } from 'zod'
import type { Emulator } from './emulator.ts'
import { INTERNAL_LOGIN } from './emulator.ts'
import { initBareRepository, readRefs } from './git/bare-repository.ts'
import type { Side } from './git/locate-line.ts'
import { copyHistory, writeHistory } from './git/seed-history.ts'
import { mirrorRefs } from './mirror-refs.ts'
import type { LocalUser, Role, SeedRepository } from './options.ts'

/** What the emulator cannot keep about a pull request: where its branches stood. */
export type PullRecord = {
  readonly number: number
  readonly headRef: string
  readonly baseRef: string
  readonly headId: string
  /** The base branch when the head was last looked at; fixed once the pull request is closed. */
  readonly baseId: string
  readonly open: boolean
  readonly mergeCommitId?: string
}

/** What the emulator cannot keep about an inline comment. */
export type CommentRecord = {
  readonly id: number
  readonly pullNumber: number
  readonly reviewId: number
  readonly path: string
  readonly originalCommitId: string
  readonly hunk: string
  readonly side: Side
  readonly subjectType: 'line' | 'file'
  readonly originalLine?: number
  readonly originalPosition?: number
  readonly originalStartLine?: number
  readonly inReplyToId?: number
}

/** A repository: its folder, what the emulator was told of it, and what the emulator cannot keep. */
export type LocalRepository = {
  readonly owner: string
  readonly name: string
  readonly fullName: string
  readonly id: number
  readonly directory: string
  readonly isPublic: boolean
  readonly protectedBranches: readonly string[]
  /** Refs as last mirrored, and objects whose id the emulator could not reproduce. */
  readonly mirroredRefs: Map<string, string>
  readonly idInEmulator: Map<string, string>
  readonly pulls: Map<number, PullRecord>
  readonly comments: Map<number, CommentRecord>
  /** Runs changes of this repository one after the other. */
  readonly exclusive: <T>(work: () => Promise<T>) => Promise<T>
}

export type Repositories = {
  readonly find: (owner: string, name: string) => LocalRepository | undefined
  readonly seed: (input: SeedRepository) => Promise<LocalRepository>
}

const PERMISSION_NAMES: Readonly<Record<Exclude<Role, 'none'>, string>> = {
  read: 'pull',
  triage: 'triage',
  write: 'push',
  maintain: 'maintain',
  admin: 'admin',
}

export function createRepositories(options: {
  readonly dataDirectory: string
  readonly emulator: Emulator
  readonly users: readonly LocalUser[]
  readonly organizations: readonly string[]
  /** Where the emulator sends its events. */
  readonly relay: { readonly url: string; readonly secret: string }
}): Repositories {
  const byName = new Map<string, LocalRepository>()
  const key = (owner: string, name: string) => `${owner}/${name}`.toLowerCase()

  const seed = async (input: SeedRepository): Promise<LocalRepository> => {
    const fullName = checkedName(input, options, byName.has(key(input.owner, input.name)))
    const directory = join(options.dataDirectory, 'repositories', input.owner, `${input.name}.git`)
    const branch = input.defaultBranch ?? 'main'
    await mkdir(directory, { recursive: true })
    await initBareRepository(directory, branch)
    if ((await readRefs(directory)).size === 0) {
      if (input.copyFrom !== undefined) await copyHistory(directory, input.copyFrom)
      if (input.history !== undefined) await writeHistory(directory, branch, input.history)
    }
    const id = await createInEmulator(options, input, branch)
    const repository = emptyRepository(input, fullName, id, directory)
    await mirrorRefs(options.emulator, repository, await readRefs(directory))
    await registerHook(options, repository)
    byName.set(key(input.owner, input.name), repository)
    return repository
  }
  return { find: (owner, name) => byName.get(key(owner, name)), seed }
}

function checkedName(
  input: SeedRepository,
  options: { readonly users: readonly LocalUser[]; readonly organizations: readonly string[] },
  taken: boolean,
): string {
  const name = repositoryNameSchema.safeParse(`${input.owner}/${input.name}`)
  const owners = [...options.users.map((user) => user.login), ...options.organizations]
  const problem = !name.success
    ? 'expected owner/name as GitHub allows it'
    : !owners.includes(input.owner)
      ? `expected the owner to be one of the users or organizations (${owners.join(', ')})`
      : taken
        ? 'it exists already'
        : undefined
  if (problem === undefined) return `${input.owner}/${input.name}`
  throw new DevBotError({
    category: 'config',
    code: 'local-github-repository-invalid',
    message: `cannot seed repository ${input.owner}/${input.name}: ${problem}`,
  })
}

async function createInEmulator(
  options: {
    readonly emulator: Emulator
    readonly users: readonly LocalUser[]
    readonly organizations: readonly string[]
  },
  input: SeedRepository,
  defaultBranch: string,
): Promise<number> {
  const { emulator } = options
  const ownerToken = emulator.tokenOf(input.owner)
  const asOwner = ownerToken === undefined ? {} : { token: ownerToken }
  const path = options.organizations.includes(input.owner) ? `/orgs/${input.owner}/repos` : '/user/repos'
  const body = { name: input.name, private: input.visibility !== 'public', auto_init: false }
  const created = await emulator.expect({ method: 'POST', path, body, ...asOwner })
  const base = `/repos/${input.owner}/${input.name}`
  await emulator.expect({ method: 'PATCH', path: base, body: { default_branch: defaultBranch }, ...asOwner })
  const people: [string, Role][] = [[INTERNAL_LOGIN, 'admin']]
  for (const user of options.users) {
    if (user.login === input.owner) continue
    people.push([user.login, input.collaborators?.[user.login] ?? user.permission ?? 'write'])
  }
  for (const [login, role] of people) {
    if (role === 'none') continue
    const permission = PERMISSION_NAMES[role]
    await emulator.expect({ method: 'PUT', path: `${base}/collaborators/${login}`, body: { permission }, ...asOwner })
  }
  return z.object({ id: z.number() }).parse(created).id
}

async function registerHook(
  options: { readonly emulator: Emulator; readonly relay: { readonly url: string; readonly secret: string } },
  repository: LocalRepository,
): Promise<void> {
  const config = { url: options.relay.url, secret: options.relay.secret, content_type: 'json' }
  const body = { name: 'web', active: true, events: ['*'], config }
  await options.emulator.expect({ method: 'POST', path: `/repos/${repository.fullName}/hooks`, body })
}

function emptyRepository(input: SeedRepository, fullName: string, id: number, directory: string): LocalRepository {
  return {
    owner: input.owner,
    name: input.name,
    fullName,
    id,
    directory,
    isPublic: input.visibility === 'public',
    protectedBranches: input.protectedBranches ?? [],
    mirroredRefs: new Map(),
    idInEmulator: new Map(),
    pulls: new Map(),
    comments: new Map(),
    exclusive: oneAfterTheOther(),
  }
}

function oneAfterTheOther(): LocalRepository['exclusive'] {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const result = last.then(work)
    // The next in line starts whatever became of this one; whoever asked for it hears of its failure.
    last = result.catch(() => undefined)
    return result
  }
}
