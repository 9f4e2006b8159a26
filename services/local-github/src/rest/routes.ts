import { z } from 'zod'
import type { Role } from '../options.ts'
import { forbidden, Refusal } from '../problem.ts'
import { completeIssue, completeIssueComment } from '../pull-requests/issue-json.ts'
import { compare, getCommit, listCommits } from './commits.ts'
import {
  answerOf,
  askEmulator,
  jsonObjectSchema,
  type RepositoryRequest,
  type RestAnswer,
  type RestRequest,
  requireRole,
} from './context.ts'
import { createComment, listComments, replyToComment, singleComment } from './inline-comments.ts'
import { mergePull } from './merge.ts'
import * as pulls from './pulls.ts'
import { changeRef } from './refs.ts'
import { createReview, listReviews, submitReview } from './reviews.ts'

type Handler = (request: RepositoryRequest, first: string, second: string) => Promise<RestAnswer>
type Route = { readonly methods: string; readonly path: RegExp; readonly answer: Handler }

/** What is answered here, below `/repos/OWNER/NAME`; the first match counts. Everything else goes to the emulator. */
const ROUTES: readonly Route[] = [
  { methods: 'GET', path: /^$/, answer: getRepository },
  { methods: 'GET', path: /^\/collaborators\/([^/]+)\/permission$/, answer: permissionLevel },
  { methods: 'GET', path: /^\/pulls$/, answer: pulls.listPulls },
  { methods: 'POST', path: /^\/pulls$/, answer: pulls.createPull },
  { methods: 'GET', path: /^\/pulls\/(\d+)$/, answer: (request, n) => pulls.getPull(request, Number(n)) },
  { methods: 'PATCH', path: /^\/pulls\/(\d+)$/, answer: (request, n) => pulls.updatePull(request, Number(n)) },
  { methods: 'PUT', path: /^\/pulls\/(\d+)\/merge$/, answer: (request, n) => mergePull(request, Number(n)) },
  { methods: 'GET', path: /^\/pulls\/(\d+)\/merge$/, answer: isMerged },
  { methods: 'GET', path: /^\/pulls\/(\d+)\/files$/, answer: (request, n) => pulls.listPullFiles(request, Number(n)) },
  {
    methods: 'GET',
    path: /^\/pulls\/(\d+)\/commits$/,
    answer: (request, n) => pulls.listPullCommits(request, Number(n)),
  },
  {
    methods: 'POST DELETE',
    path: /^\/pulls\/(\d+)\/requested_reviewers$/,
    answer: (request, n) => pulls.requestReviewers(request, Number(n)),
  },
  { methods: 'GET', path: /^\/pulls\/(\d+)\/reviews$/, answer: (request, n) => listReviews(request, Number(n)) },
  { methods: 'POST', path: /^\/pulls\/(\d+)\/reviews$/, answer: (request, n) => createReview(request, Number(n)) },
  {
    methods: 'POST',
    path: /^\/pulls\/(\d+)\/reviews\/(\d+)\/events$/,
    answer: (request, n, id) => submitReview(request, Number(n), Number(id)),
  },
  {
    methods: 'GET',
    path: /^\/pulls\/(\d+)\/reviews\/\d+\/comments$/,
    answer: (request, n) => listComments(request, Number(n)),
  },
  { methods: 'GET', path: /^\/pulls\/(\d+)\/comments$/, answer: (request, n) => listComments(request, Number(n)) },
  { methods: 'POST', path: /^\/pulls\/(\d+)\/comments$/, answer: (request, n) => createComment(request, Number(n)) },
  {
    methods: 'POST',
    path: /^\/pulls\/(\d+)\/comments\/(\d+)\/replies$/,
    answer: (request, n, id) => replyToComment(request, Number(n), Number(id)),
  },
  { methods: 'GET', path: /^\/pulls\/comments$/, answer: (request) => listComments(request) },
  {
    methods: 'GET PATCH DELETE',
    path: /^\/pulls\/comments\/(\d+)$/,
    answer: (request, id) => singleComment(request, Number(id)),
  },
  { methods: 'GET', path: /^\/commits$/, answer: listCommits },
  { methods: 'GET', path: /^\/commits\/([0-9a-f]{4,40}|(?!.*\/(?:check|status|comments)).+)$/, answer: getCommit },
  { methods: 'GET', path: /^\/compare\/(.+\.\.\..+)$/, answer: compare },
  { methods: 'POST', path: /^\/git\/refs$/, answer: (request) => changeRef(request, undefined) },
  { methods: 'PATCH DELETE', path: /^\/git\/refs\/(.+)$/, answer: changeRef },
  { methods: 'GET', path: /^\/issues(?:\/\d+)?$/, answer: readIssues },
  { methods: 'GET POST PATCH', path: /^\/issues\/(?:\d+\/comments|comments(?:\/\d+)?)$/, answer: issueComments },
  { methods: 'POST PUT DELETE', path: /^\/issues\/\d+\/(?:labels|assignees)(?:\/|$)/, answer: withRole('triage') },
  { methods: 'GET', path: /^\/installation$/, answer: forwarded },
  // The emulator would change its own copy of the repository only.
  { methods: 'POST PUT PATCH DELETE', path: /^\/(?:contents|git|merges|forks|transfer)(?:\/|$)/, answer: notServed },
  { methods: 'PUT', path: /^\/pulls\/\d+\/update-branch$/, answer: notServed },
  // Its one hook is ours and leads back to this service.
  { methods: 'GET POST PUT PATCH DELETE', path: /^\/hooks(?:\/|$)/, answer: notServed },
  { methods: 'DELETE', path: /^$/, answer: notServed },
  { methods: 'GET', path: /./, answer: forwarded },
  { methods: 'POST PUT PATCH DELETE', path: /./, answer: withRole('write') },
]

/** Answers a request about a repository; `below` is the path after `/repos/OWNER/NAME`. */
export async function answerRepositoryRequest(request: RepositoryRequest, below: string): Promise<RestAnswer> {
  for (const route of ROUTES) {
    if (!route.methods.split(' ').includes(request.method)) continue
    const match = route.path.exec(below)
    if (match === null) continue
    const [first = '', second = ''] = match.slice(1).map((part) => decodeURIComponent(part ?? ''))
    return route.answer(request, first, second)
  }
  return forwarded(request)
}

/** Answers what is not about one repository: people, apps, limits. */
export async function answerGeneralRequest(request: RestRequest): Promise<RestAnswer> {
  if (request.path === '/user' && request.identity.kind === 'installation') {
    throw new Refusal(403, 'Resource not accessible by integration')
  }
  if (request.method !== 'GET') throw forbidden()
  return answerOf(request, await askEmulator(request))
}

async function getRepository(request: RepositoryRequest): Promise<RestAnswer> {
  const ours = await forwarded(request)
  const order: readonly Role[] = ['read', 'triage', 'write', 'maintain', 'admin']
  const rank = order.indexOf(request.role)
  const permissions = { pull: rank >= 0, triage: rank >= 1, push: rank >= 2, maintain: rank >= 3, admin: rank >= 4 }
  return { ...ours, body: { ...jsonObjectSchema.parse(ours.body), permissions } }
}

/** GitHub names the old four levels in `permission` and the exact one in `role_name`. */
async function permissionLevel(request: RepositoryRequest, login: string): Promise<RestAnswer> {
  requireRole(request, 'read')
  const person = await request.hub.emulator.call({ method: 'GET', path: `/users/${encodeURIComponent(login)}` })
  if (person.status !== 200) throw new Refusal(404, `${login} is not a user`)
  const role = await request.hub.identities.roleOfLogin(login, request.repository)
  const old = { none: 'none', read: 'read', triage: 'read', write: 'write', maintain: 'write', admin: 'admin' }[role]
  const user = answerOf(request, person).body
  return { status: 200, body: { permission: old, role_name: role, user } }
}

async function isMerged(request: RepositoryRequest, number: string): Promise<RestAnswer> {
  const record = pulls.recordOf(request.repository, Number(number))
  if (record.mergeCommitId === undefined) throw new Refusal(404, 'Not Found')
  return { status: 204 }
}

async function readIssues(request: RepositoryRequest): Promise<RestAnswer> {
  const answer = await askEmulator(request)
  const ours = answerOf(request, answer, request.repository)
  if (answer.status !== 200) return ours
  const complete = (raw: unknown) => completeIssue(request.hub, request.repository, raw)
  const { body } = answer
  return { ...ours, body: Array.isArray(body) ? await Promise.all(body.map(complete)) : await complete(body) }
}

async function issueComments(request: RepositoryRequest): Promise<RestAnswer> {
  if (request.method === 'PATCH') requireRole(request, 'write')
  const ours = await forwarded(request)
  if (ours.status >= 300) return ours
  const complete = (comment: unknown) => completeIssueComment(request.repository, comment)
  const { body } = ours
  return { ...ours, body: Array.isArray(body) ? z.array(z.unknown()).parse(body).map(complete) : complete(body) }
}

async function forwarded(request: RepositoryRequest): Promise<RestAnswer> {
  return answerOf(request, await askEmulator(request), request.repository)
}

function withRole(role: Role): Handler {
  return async (request) => {
    requireRole(request, role)
    return forwarded(request)
  }
}

async function notServed(): Promise<RestAnswer> {
  throw new Refusal(501, 'local-github does not serve this: change repositories with git, hooks with its options')
}
