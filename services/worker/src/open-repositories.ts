import { join } from 'node:path'
import { DevBotError, type RepositoryName } from '@devbot/contracts'
import { createReadMemory, openRepositoryStore, type RepositoryStore } from '@devbot/git'
import type { GitHubClient, RepositoryFacts } from '@devbot/github'
import type { Repositories } from './deps.ts'

/** How long a repository's facts (default branch, rights) are believed. */
const FACTS_LIFETIME_MS = 5 * 60_000
/** Deadline of one fetch or push. */
const NETWORK_TIMEOUT_MS = 10 * 60_000

/** Opens repositories: facts from GitHub, kept for some minutes; the bare store by numeric id, so that a rename keeps it. */
export function openRepositories(options: {
  readonly github: GitHubClient
  readonly serverUrl: string
  readonly directory: string
  readonly author: { readonly name: string; readonly email: string }
  /** Repositories DevBot may touch, whatever a record says. */
  readonly allowed: readonly RepositoryName[]
  readonly now: () => number
}): Repositories {
  const { allowed, github, serverUrl, directory, author, now } = options
  const facts = new Map<RepositoryName, { readonly facts: RepositoryFacts; readonly untilMs: number }>()
  const stores = new Map<string, Promise<RepositoryStore>>()
  const memory = createReadMemory()

  const factsOf = async (name: RepositoryName): Promise<RepositoryFacts> => {
    const known = facts.get(name)
    if (known !== undefined && known.untilMs > now()) return known.facts
    const fresh = await github.repository(name)
    facts.set(name, { facts: fresh, untilMs: now() + FACTS_LIFETIME_MS })
    return fresh
  }
  const storeOf = ({ id, name }: RepositoryFacts): Promise<RepositoryStore> => {
    const key = `${id} ${name}`
    const known = stores.get(key)
    if (known !== undefined) return known
    const opening = openRepositoryStore({
      directory: join(directory, `${id}.git`),
      remoteUrl: `${serverUrl.replace(/\/+$/, '')}/${name}.git`,
      credentials: () => github.gitCredentials(name),
      author,
      networkTimeoutMs: NETWORK_TIMEOUT_MS,
      memory,
    })
    stores.set(key, opening)
    opening.catch(() => stores.delete(key))
    return opening
  }
  return {
    open: async (name, signal) => {
      assertAllowed(name, allowed)
      const repository = await factsOf(name)
      const store = await storeOf(repository)
      return { facts: repository, store: signal === undefined ? store : store.until(signal) }
    },
  }
}

function assertAllowed(name: RepositoryName, allowed: readonly RepositoryName[]): void {
  if (allowed.some((other) => other.toLowerCase() === name.toLowerCase())) return
  throw new DevBotError({
    category: 'permission',
    code: 'repository-not-allowed',
    message: `${name} is not among the repositories DevBot may touch (REPO_NAME, ALLOWED_REPOS); add it there, then start the task again`,
  })
}
