import { z } from 'zod'
import { branchHead } from '../git/bare-repository.ts'
import { changedFiles, commitIdsBetween, mergeBase, mergedTree } from '../git/change-facts.ts'
import type { Hub } from '../hub.ts'
import type { LocalRepository, PullRecord } from '../repositories.ts'
import { type JsonObject, jsonObjectSchema, normalised } from '../rest/context.ts'

const sideSchema = z.looseObject({ ref: z.string(), repo: z.record(z.string(), z.unknown()).nullable() })
const pullSchema = z.looseObject({ number: z.number(), head: sideSchema, base: sideSchema })

/** What GitHub tells only about a single pull request, not in lists. */
const ONLY_SINGLE = [
  'merged',
  'mergeable',
  'rebaseable',
  'mergeable_state',
  'merged_by',
  'comments',
  'review_comments',
  'maintainer_can_modify',
  'commits',
  'additions',
  'deletions',
  'changed_files',
]

/** A pull request of the emulator as GitHub would tell it: branches as git has them, figures from git's own diff. */
export async function completePull(
  hub: Hub,
  repository: LocalRepository,
  raw: unknown,
  detail: 'single' | 'list',
): Promise<JsonObject> {
  const pull = pullSchema.parse(normalised(hub, raw, repository))
  const record = repository.pulls.get(pull.number)
  if (record === undefined) return pull
  const known = {
    ...pull,
    head: sideJson(pull.head, record.headId),
    base: sideJson(pull.base, record.baseId),
    statuses_url: `${hub.addresses.apiUrl}/repos/${repository.fullName}/statuses/${record.headId}`,
    merge_commit_sha: record.mergeCommitId ?? null,
  }
  if (detail === 'single') return { ...known, ...(await figures(repository, record, pull.draft === true)) }
  return Object.fromEntries(Object.entries(known).filter(([key]) => !ONLY_SINGLE.includes(key)))
}

/** Asks the emulator for a pull request and completes it. */
export async function fetchPull(hub: Hub, repository: LocalRepository, number: number): Promise<JsonObject> {
  const path = `/repos/${repository.fullName}/pulls/${number}`
  return completePull(hub, repository, await hub.emulator.expect({ method: 'GET', path }), 'single')
}

function sideJson(side: z.infer<typeof sideSchema>, sha: string) {
  const { permissions: _unknown, ...repo } = side.repo ?? {}
  return { ...side, sha, repo }
}

async function figures(repository: LocalRepository, record: PullRecord, draft: boolean) {
  const { directory } = repository
  const [commits, files, tree] = await Promise.all([
    commitIdsBetween(directory, record.baseId, record.headId),
    filesOf(repository, record),
    record.open ? treeIfMergedNow(repository, record) : undefined,
  ])
  return {
    commits: commits.length,
    changed_files: files.length,
    additions: files.reduce((sum, file) => sum + file.additions, 0),
    deletions: files.reduce((sum, file) => sum + file.deletions, 0),
    mergeable: record.open ? tree !== undefined : null,
    rebaseable: record.open ? tree !== undefined : null,
    mergeable_state: !record.open ? 'unknown' : tree === undefined ? 'dirty' : draft ? 'draft' : 'clean',
  }
}

async function treeIfMergedNow(repository: LocalRepository, record: PullRecord): Promise<string | undefined> {
  const base = (await branchHead(repository.directory, record.baseRef)) ?? record.baseId
  return mergedTree(repository.directory, base, record.headId)
}

/** The files of a pull request: what its head changed since it left the base. */
export async function filesOf(repository: LocalRepository, record: PullRecord, commitId = record.headId) {
  const from = (await mergeBase(repository.directory, record.baseId, commitId)) ?? record.baseId
  return changedFiles(repository.directory, from, commitId)
}

/** The repository as payloads show it: without anybody's permissions. */
export async function repositoryJson(hub: Hub, repository: LocalRepository): Promise<JsonObject> {
  const raw = await hub.emulator.expect({ method: 'GET', path: `/repos/${repository.fullName}` })
  const { permissions: _nobodys, ...json } = jsonObjectSchema.parse(normalised(hub, raw, repository))
  return json
}

const BRIEF = ['login', 'id', 'node_id', 'avatar_url', 'url', 'html_url', 'type', 'site_admin']

/** A person as payloads show them. */
export async function userJson(hub: Hub, login: string): Promise<JsonObject> {
  const answer = await hub.emulator.call({ method: 'GET', path: `/users/${encodeURIComponent(login)}` })
  const type = hub.identities.isBot(login) ? 'Bot' : 'User'
  if (answer.status !== 200) return { login, id: 0, type, site_admin: false }
  const full = jsonObjectSchema.parse(normalised(hub, answer.body))
  return Object.fromEntries(Object.entries(full).filter(([key]) => BRIEF.includes(key)))
}
