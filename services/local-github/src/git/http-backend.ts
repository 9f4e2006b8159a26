import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rm } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { RefChange } from './bare-repository.ts'
import { exitCodeOf, gitEnvironment, spawnGit } from './run-git.ts'

export type GitRequest = {
  readonly repositoryDirectory: string
  /** `/info/refs`, `/git-upload-pack` or `/git-receive-pack`. */
  readonly service: string
  readonly query: string
  readonly login: string
  readonly protectedBranches: readonly string[]
}

/** Settings of the served repositories: what GitHub allows to fetch, and refs that nobody may push to. */
const SERVING: Readonly<Record<string, string>> = {
  'http.receivepack': 'true',
  'uploadpack.allowFilter': 'true',
  'uploadpack.allowAnySHA1InWant': 'true',
  'receive.fsckObjects': 'true',
  'receive.denyDeleteCurrent': 'refuse',
  'receive.hideRefs': 'refs/pull/',
}

/**
 * Serves one request of git's smart HTTP by `git http-backend`, streaming both ways. After a push, `afterPush` is
 * given what changed before the answer ends, so that whoever waits for the push sees its effects.
 */
export async function serveGit(
  dataDirectory: string,
  git: GitRequest,
  request: IncomingMessage,
  response: ServerResponse,
  stopped: AbortSignal,
  afterPush: (changes: readonly RefChange[]) => Promise<void>,
): Promise<void> {
  const pushFile = join(dataDirectory, 'pushes', randomUUID())
  await mkdir(join(dataDirectory, 'pushes'), { recursive: true })
  const environment = gitEnvironment(cgiVariables(git, request, pushFile), {
    ...SERVING,
    'core.hooksPath': join(dataDirectory, 'hooks'),
  })
  const child = spawnGit(git.repositoryDirectory, ['http-backend'], environment)
  const exited = exitCodeOf(child)
  const kill = () => child.kill('SIGKILL')
  stopped.addEventListener('abort', kill, { once: true })
  response.once('close', () => child.stdin.destroy())
  child.stderr.resume()
  request.pipe(child.stdin)
  try {
    await forwardCgiAnswer(child.stdout, response)
    await exited
    if (git.service === '/git-receive-pack') await afterPush(await readPush(pushFile))
    response.end()
  } finally {
    stopped.removeEventListener('abort', kill)
    await rm(pushFile, { force: true })
  }
}

/** The variables of CGI (RFC 3875) that git http-backend reads, plus what our hooks read. */
function cgiVariables(git: GitRequest, request: IncomingMessage, pushFile: string): Record<string, string> {
  const header = (name: string) => {
    const value = request.headers[name]
    return typeof value === 'string' ? value : ''
  }
  return {
    GATEWAY_INTERFACE: 'CGI/1.1',
    GIT_PROJECT_ROOT: git.repositoryDirectory,
    GIT_HTTP_EXPORT_ALL: '1',
    PATH_INFO: git.service,
    REQUEST_METHOD: request.method ?? 'GET',
    QUERY_STRING: git.query,
    CONTENT_TYPE: header('content-type'),
    CONTENT_LENGTH: header('content-length'),
    HTTP_CONTENT_ENCODING: header('content-encoding'),
    GIT_PROTOCOL: header('git-protocol'),
    REMOTE_USER: git.login,
    REMOTE_ADDR: request.socket.remoteAddress ?? '',
    LOCAL_GITHUB_PUSH_FILE: pushFile,
    LOCAL_GITHUB_PROTECTED: git.protectedBranches.map((branch) => `refs/heads/${branch}`).join(' '),
  }
}

/** Reads the CGI header block, then streams the rest. The response is left open. */
async function forwardCgiAnswer(output: Readable, response: ServerResponse): Promise<void> {
  let head = Buffer.alloc(0)
  let headers = true
  for await (const chunk of output) {
    if (response.destroyed) continue
    if (!headers) {
      await write(response, Buffer.from(chunk))
      continue
    }
    head = Buffer.concat([head, Buffer.from(chunk)])
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) continue
    headers = false
    writeHead(response, head.subarray(0, end).toString('latin1'))
    if (head.length > end + 4) await write(response, head.subarray(end + 4))
  }
  if (headers) throw new Error('expected an answer from git http-backend, it ended without one')
}

function writeHead(response: ServerResponse, block: string): void {
  for (const line of block.split('\r\n')) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon)
    const value = line.slice(colon + 1).trim()
    if (name.toLowerCase() === 'status') response.statusCode = Number(value.slice(0, 3))
    else response.setHeader(name, value)
  }
}

async function write(response: ServerResponse, bytes: Buffer): Promise<void> {
  if (response.write(bytes) || response.destroyed) return
  await new Promise<void>((resolve) => {
    const go = () => {
      response.off('drain', go)
      response.off('close', go)
      resolve()
    }
    response.once('drain', go)
    response.once('close', go)
  })
}

/** What our post-receive hook wrote: nothing when the push changed nothing. */
async function readPush(pushFile: string): Promise<readonly RefChange[]> {
  try {
    const text = await readFile(pushFile, 'utf8')
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [before = '', after = '', ...ref] = line.split(' ')
        return { before, after, ref: ref.join(' ') }
      })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}
