import { z } from 'zod'
import { resolveCommit } from '../git/bare-repository.ts'
import { changedFiles, commitIdsBetween, mergeBase, readCommit } from '../git/change-facts.ts'
import { gitText } from '../git/run-git.ts'
import { notFound } from '../problem.ts'
import { commitJson, fileJson } from './commit-json.ts'
import { pageOf, type RepositoryRequest, type RestAnswer } from './context.ts'

/** The tree with nothing in it, which every git knows. */
const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904'
/** Files shown in a comparison; GitHub's own limit. */
const MAX_COMPARED_FILES = 300

export async function listCommits(request: RepositoryRequest): Promise<RestAnswer> {
  const { directory } = request.repository
  const start = await resolveCommit(directory, request.query.get('sha') ?? 'HEAD')
  if (start === undefined) throw notFound()
  const path = request.query.get('path')
  const ids = await gitText(directory, ['rev-list', start, ...(path === null ? [] : ['--', path])])
  const page = pageOf(request, ids === '' ? [] : ids.split('\n'))
  const shown = z.array(z.string()).parse(page.body)
  return { ...page, body: await Promise.all(shown.map((id) => commitJson(request.hub, request.repository, id))) }
}

export async function getCommit(request: RepositoryRequest, name: string): Promise<RestAnswer> {
  const { hub, repository } = request
  const id = await resolveCommit(repository.directory, name)
  if (id === undefined) throw notFound()
  const { parents } = await readCommit(repository.directory, id)
  const files = await changedFiles(repository.directory, parents[0] ?? EMPTY_TREE, id)
  const sum = (key: 'additions' | 'deletions') => files.reduce((total, file) => total + file[key], 0)
  const stats = { additions: sum('additions'), deletions: sum('deletions'), total: sum('additions') + sum('deletions') }
  const body = {
    ...(await commitJson(hub, repository, id)),
    stats,
    files: files.map((file) => fileJson(hub, repository, file, id)),
  }
  return { status: 200, body }
}

/** `GET /compare/BASE...HEAD`, from git. */
export async function compare(request: RepositoryRequest, baseHead: string): Promise<RestAnswer> {
  const { hub, repository } = request
  const { directory } = repository
  const [baseName = '', headName = ''] = baseHead.split('...')
  const own = (name: string) => resolveCommit(directory, name.slice(name.indexOf(':') + 1))
  const [base, head] = await Promise.all([own(baseName), own(headName)])
  if (base === undefined || head === undefined) throw notFound()
  const common = await mergeBase(directory, base, head)
  if (common === undefined) throw notFound()
  const [ahead, behind, files] = await Promise.all([
    commitIdsBetween(directory, base, head),
    commitIdsBetween(directory, head, base),
    changedFiles(directory, common, head),
  ])
  const page = pageOf(request, ahead)
  const shown = z.array(z.string()).parse(page.body)
  const body = {
    url: `${hub.addresses.apiUrl}${request.path}`,
    html_url: `${hub.addresses.serverUrl}/${repository.fullName}/compare/${baseHead}`,
    status: comparisonStatus(ahead.length, behind.length),
    ahead_by: ahead.length,
    behind_by: behind.length,
    total_commits: ahead.length,
    base_commit: await commitJson(hub, repository, base),
    merge_base_commit: await commitJson(hub, repository, common),
    commits: await Promise.all(shown.map((id) => commitJson(hub, repository, id))),
    files: files.slice(0, MAX_COMPARED_FILES).map((file) => fileJson(hub, repository, file, head)),
  }
  return { ...page, body }
}

function comparisonStatus(ahead: number, behind: number): 'identical' | 'ahead' | 'behind' | 'diverged' {
  if (ahead > 0) return behind > 0 ? 'diverged' : 'ahead'
  return behind > 0 ? 'behind' : 'identical'
}
