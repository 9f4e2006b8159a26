import { z } from 'zod'
import { branchHead } from '../git/bare-repository.ts'
import { commitIdsBetween } from '../git/change-facts.ts'
import { runGit } from '../git/run-git.ts'
import { roleAtLeast } from '../options.ts'
import { forbidden, notFound, Refusal, validationFailed } from '../problem.ts'
import { recordHead } from '../pull-requests/after-ref-changes.ts'
import { completePull, fetchPull, filesOf } from '../pull-requests/pull-json.ts'
import type { LocalRepository, PullRecord } from '../repositories.ts'
import { commitJson, fileJson } from './commit-json.ts'
import { answerOf, askEmulator, pageOf, type RepositoryRequest, type RestAnswer } from './context.ts'

const listSchema = z.array(z.unknown())
const createSchema = z.looseObject({
  title: z.string().trim().min(1),
  head: z.string().min(1),
  base: z.string().min(1),
})
const createdSchema = z.looseObject({ number: z.number() })

export async function listPulls(request: RepositoryRequest): Promise<RestAnswer> {
  const answer = await askEmulator(request)
  const ours = answerOf(request, answer)
  if (answer.status !== 200) return ours
  const complete = (raw: unknown) => completePull(request.hub, request.repository, raw, 'list')
  return { ...ours, body: await Promise.all(listSchema.parse(answer.body).map(complete)) }
}

export async function getPull(request: RepositoryRequest, number: number): Promise<RestAnswer> {
  const record = recordOf(request.repository, number)
  const format = /application\/vnd\.github\.(?:v3\.)?(diff|patch)/.exec(request.accept)?.[1]
  if (format !== undefined) return { status: 200, body: await pullText(request.repository, record, format) }
  return completed(request, await askEmulator(request))
}

export async function createPull(request: RepositoryRequest): Promise<RestAnswer> {
  const { hub, repository } = request
  const input = createSchema.safeParse(request.body)
  if (!input.success) throw validationFailed(...input.error.issues.map((issue) => missing(String(issue.path[0] ?? ''))))
  const { head, base } = input.data
  const headRef = ownBranch(repository, head)
  const headId = headRef === undefined ? undefined : await branchHead(repository.directory, headRef)
  const baseId = await branchHead(repository.directory, base)
  if (headRef === undefined || headId === undefined) throw validationFailed(invalid('head'))
  if (baseId === undefined) throw validationFailed(invalid('base'))
  refuseSecond(repository, headRef, base)
  if (headRef === base || (await commitIdsBetween(repository.directory, baseId, headId)).length === 0) {
    throw validationFailed(custom(`No commits between ${base} and ${headRef}`))
  }
  const answer = await askEmulator(request, { ...input.data, head: headRef })
  if (answer.status !== 201) return answerOf(request, answer)
  const { number } = createdSchema.parse(answer.body)
  await recordHead(repository, { number, headRef, baseRef: base, headId, baseId, open: true })
  return { ...answerOf(request, answer), body: await completePull(hub, repository, answer.body, 'single') }
}

export async function updatePull(request: RepositoryRequest, number: number): Promise<RestAnswer> {
  const { repository } = request
  const record = recordOf(repository, number)
  await requireAuthorOr(request, number, 'triage')
  // Only GraphQL turns drafts into ready pull requests; REST passes over the field.
  const { draft: _ignored, ...body } = request.body ?? {}
  if (typeof body.base === 'string' && (await branchHead(repository.directory, body.base)) === undefined) {
    throw validationFailed(invalid('base'))
  }
  if (body.state === 'open' && !record.open) await refuseReopening(repository, record)
  const answer = await askEmulator(request, body)
  if (answer.status !== 200) return answerOf(request, answer)
  const baseRef = typeof body.base === 'string' ? body.base : record.baseRef
  const open = body.state === 'open' || (record.open && body.state !== 'closed')
  const next = { ...record, baseRef, open }
  if (open) await recordHead(repository, next)
  else repository.pulls.set(number, next)
  return completed(request, answer)
}

export async function listPullFiles(request: RepositoryRequest, number: number): Promise<RestAnswer> {
  const record = recordOf(request.repository, number)
  const files = await filesOf(request.repository, record)
  return pageOf(
    request,
    files.map((file) => fileJson(request.hub, request.repository, file, record.headId)),
  )
}

export async function listPullCommits(request: RepositoryRequest, number: number): Promise<RestAnswer> {
  const { repository } = request
  const record = recordOf(repository, number)
  const ids = await commitIdsBetween(repository.directory, record.baseId, record.headId)
  const page = pageOf(request, ids)
  const shown = z.array(z.string()).parse(page.body)
  return { ...page, body: await Promise.all(shown.map((id) => commitJson(request.hub, repository, id))) }
}

export async function requestReviewers(request: RepositoryRequest, number: number): Promise<RestAnswer> {
  recordOf(request.repository, number)
  const pull = await requireAuthorOr(request, number, 'triage')
  const { reviewers } = z.looseObject({ reviewers: z.array(z.string()).default([]) }).parse(request.body ?? {})
  for (const login of request.method === 'POST' ? reviewers : []) {
    if (login.toLowerCase() === authorOf(pull)?.toLowerCase()) {
      throw new Refusal(422, 'Review cannot be requested from pull request author.')
    }
    if ((await request.hub.identities.roleOfLogin(login, request.repository)) !== 'none') continue
    const where = `the ${request.repository.fullName} repository`
    throw new Refusal(
      422,
      `Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of ${where}.`,
    )
  }
  const answer = await askEmulator(request)
  const ours = await completed(request, answer)
  return request.method === 'POST' && ours.status === 200 ? { ...ours, status: 201 } : ours
}

async function completed(
  request: RepositoryRequest,
  answer: Awaited<ReturnType<typeof askEmulator>>,
): Promise<RestAnswer> {
  const ours = answerOf(request, answer)
  if (answer.status !== 200) return ours
  return { ...ours, body: await completePull(request.hub, request.repository, answer.body, 'single') }
}

export function recordOf(repository: LocalRepository, number: number): PullRecord {
  const record = repository.pulls.get(number)
  if (record === undefined) throw notFound()
  return record
}

/** The author may change an own pull request; for others a role is needed. */
async function requireAuthorOr(request: RepositoryRequest, number: number, role: 'triage' | 'write') {
  const pull = await fetchPull(request.hub, request.repository, number)
  if (authorOf(pull) !== request.identity.login && !roleAtLeast(request.role, role)) throw forbidden()
  return pull
}

export function authorOf(pull: unknown): string | undefined {
  const parsed = z.looseObject({ user: z.looseObject({ login: z.string() }) }).safeParse(pull)
  return parsed.success ? parsed.data.user.login : undefined
}

/** `branch` or `owner:branch` of this very repository; forks are not served. */
function ownBranch(repository: LocalRepository, head: string): string | undefined {
  const colon = head.indexOf(':')
  if (colon < 0) return head
  return head.slice(0, colon).toLowerCase() === repository.owner.toLowerCase() ? head.slice(colon + 1) : undefined
}

function refuseSecond(repository: LocalRepository, headRef: string, baseRef: string): void {
  const same = (pull: PullRecord) => pull.open && pull.headRef === headRef && pull.baseRef === baseRef
  if (![...repository.pulls.values()].some(same)) return
  throw validationFailed(custom(`A pull request already exists for ${repository.owner}:${headRef}.`))
}

async function refuseReopening(repository: LocalRepository, record: PullRecord): Promise<void> {
  const problem = (message: string) =>
    validationFailed({ resource: 'PullRequest', field: 'state', code: 'invalid', message })
  if (record.mergeCommitId !== undefined) throw problem('state cannot be changed. The pull request was merged.')
  if ((await branchHead(repository.directory, record.headRef)) === undefined) {
    throw problem(`state cannot be changed. The ${record.headRef} branch was deleted.`)
  }
  refuseSecond(repository, record.headRef, record.baseRef)
}

async function pullText(repository: LocalRepository, record: PullRecord, format: string): Promise<string> {
  const range = `${record.baseId}...${record.headId}`
  const args =
    format === 'diff'
      ? ['diff', '--no-color', '--no-ext-diff', '-M', range]
      : ['format-patch', '--stdout', `${record.baseId}..${record.headId}`]
  return (await runGit(repository.directory, args)).stdout.toString('utf8')
}

const missing = (field: string) => ({ resource: 'PullRequest', code: 'missing_field', field })
const invalid = (field: string) => ({ resource: 'PullRequest', field, code: 'invalid' })
const custom = (message: string) => ({ resource: 'PullRequest', code: 'custom', message })
