import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SEARCH_PATH } from '../git-environment.ts'

/** What the server does with the next requests instead of serving them; `cut` serves a push but loses the answer. */
export type Failure = {
  readonly kind: 'status' | 'reset' | 'hang' | 'cut'
  readonly status?: number
  /** Only requests whose address contains this. */
  readonly match?: string
  times: number
}

const PASSWORD = 'the-token-nobody-may-see'

/** A bare repository behind node:http and git's own `http-backend`, with Basic authentication and failures on order. */
export async function startGitServer() {
  const root = mkdtempSync(join(tmpdir(), 'git-server-'))
  const repository = join(root, 'owner', 'sample.git')
  const failures: Failure[] = []
  const requests: string[] = []
  const access = { password: PASSWORD }
  const git = (...args: readonly string[]) => runGit(repository, args)
  execFileSync('git', ['init', '-q', '--bare', '--initial-branch=trunk', repository])
  git('config', 'http.receivepack', 'true')
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    const failure = failures.find((one) => one.times > 0 && (request.url ?? '').includes(one.match ?? ''))
    if (failure !== undefined) failure.times -= 1
    if (failure?.kind === 'hang') return
    if (failure?.kind === 'reset') return void request.socket.destroy()
    if (failure?.kind === 'status') return void response.writeHead(failure.status ?? 500).end('no')
    const expected = `Basic ${Buffer.from(`x-access-token:${access.password}`).toString('base64')}`
    if (request.headers.authorization !== expected) return void response.writeHead(401).end('bad credentials')
    serve(root, request, response, failure?.kind === 'cut')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/owner/sample.git`,
    repository,
    access,
    failures,
    requests,
    git,
    /** Replaces a server-side hook. */
    hook: (name: string, script: string) =>
      writeFileSync(join(repository, 'hooks', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 }),
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      rmSync(root, { recursive: true, force: true })
    },
  }
}

export type GitServer = Awaited<ReturnType<typeof startGitServer>>

/** Runs git as a person would, with an identity and no configuration of this machine. */
export function runGit(directory: string, args: readonly string[], input?: string): string {
  return execFileSync('git', ['-C', directory, ...args], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(input === undefined ? {} : { input }),
    env: {
      PATH: SEARCH_PATH,
      HOME: '/nonexistent',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: 'A Person',
      GIT_AUTHOR_EMAIL: 'person@example.com',
      GIT_COMMITTER_NAME: 'A Person',
      GIT_COMMITTER_EMAIL: 'person@example.com',
    },
  })
}

/** One request through the CGI program. */
function serve(root: string, request: IncomingMessage, response: ServerResponse, loseAnswer: boolean): void {
  const url = new URL(request.url ?? '/', 'http://localhost')
  const backend = spawn('git', ['http-backend'], {
    env: {
      PATH: SEARCH_PATH,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      REMOTE_USER: 'devbot',
    },
  })
  const chunks: Buffer[] = []
  request.pipe(backend.stdin)
  backend.stdin.on('error', () => backend.kill())
  backend.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  backend.on('close', () => {
    if (loseAnswer) return void request.socket.destroy()
    const output = Buffer.concat(chunks)
    const headerEnd = output.indexOf('\r\n\r\n')
    const headers = output.subarray(0, headerEnd).toString().split('\r\n')
    for (const line of headers) {
      const [name = '', value = ''] = line.split(/: (.*)/s)
      if (name.toLowerCase() === 'status') response.statusCode = Number.parseInt(value, 10)
      else response.setHeader(name, value)
    }
    response.end(output.subarray(headerEnd + 4))
  })
}
