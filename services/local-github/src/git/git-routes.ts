import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Hub } from '../hub.ts'
import type { Identity } from '../identities.ts'
import { tokenOfRequest } from '../local/credentials.ts'
import { roleAtLeast } from '../options.ts'
import { afterRefChanges } from '../pull-requests/after-ref-changes.ts'
import { serveGit } from './http-backend.ts'

const GIT_PATH = /^\/([^/]+)\/([^/]+?)(?:\.git)?(\/info\/refs|\/git-upload-pack|\/git-receive-pack)$/

export type GitAddress = { readonly owner: string; readonly name: string; readonly service: string }

/** Whether a path is one of git's, and whose. */
export function gitAddressOf(path: string): GitAddress | undefined {
  const match = GIT_PATH.exec(path)
  if (match === null) return undefined
  const [, owner = '', name = '', service = ''] = match
  return { owner: decodeURIComponent(owner), name: decodeURIComponent(name), service }
}

/** Answers a git request: every repository asks for a token, a push for the `write` role. */
export async function answerGit(
  hub: Hub,
  address: GitAddress,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const query = request.url?.split('?')[1] ?? ''
  const service = new URLSearchParams(query).get('service')
  if (address.service === '/info/refs' && service !== 'git-upload-pack' && service !== 'git-receive-pack') {
    return refuse(response, 403, 'Please upgrade your git client: only smart HTTP is served.')
  }
  const identity = hub.identities.ofToken(tokenOfRequest(request) ?? '')
  if (identity === undefined) {
    response.setHeader('www-authenticate', 'Basic realm="GitHub"')
    return refuse(response, 401, 'Invalid username or token. Password authentication is not supported.')
  }
  const repository = hub.repositories.find(address.owner, address.name)
  const role = repository === undefined ? 'none' : await hub.identities.roleOf(identity, repository)
  if (repository === undefined || role === 'none') return refuse(response, 404, 'Repository not found.')
  const pushes = service === 'git-receive-pack' || address.service === '/git-receive-pack'
  if (pushes && !roleAtLeast(role, 'write')) {
    return refuse(response, 403, `Permission to ${repository.fullName}.git denied to ${identity.login}.`)
  }
  await serveGit(
    hub.dataDirectory,
    {
      repositoryDirectory: repository.directory,
      service: address.service,
      query,
      login: identity.login,
      protectedBranches: repository.protectedBranches,
    },
    request,
    response,
    hub.stopped,
    (changes) => repository.exclusive(() => afterRefChanges(hub, repository, changes, identity)),
  )
}

/** Who asks, for the request log; undefined when nobody we know. */
export function identityOfRequest(hub: Hub, request: IncomingMessage): Identity | undefined {
  return hub.identities.ofToken(tokenOfRequest(request) ?? '')
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' })
  response.end(`${message}\n`)
}
