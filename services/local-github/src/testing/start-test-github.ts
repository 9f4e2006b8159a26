import { execFile } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Octokit } from '@octokit/rest'
import { gitEnvironment } from '../git/run-git.ts'
import type { LocalGitHubOptions } from '../options.ts'
import type { JsonObject } from '../rest/context.ts'
import { startLocalGitHub } from '../start-local-github.ts'

const run = promisify(execFile)
const WEBHOOK_SECRET = 'a-secret-of-enough-length'
export const REPO = { owner: 'alice', repo: 'demo' }
/** Alice owns the repository, devbot may write, reader may read, stranger may nothing. */
export const TOKENS = { alice: 'alice-token', devbot: 'devbot-token', reader: 'reader-token', stranger: 'odd-token' }

type ReceivedEvent = { readonly event: string; readonly signed: boolean; readonly payload: JsonObject }

/** A local GitHub with one seeded repository (default branch `trunk`), a receiver of its events, and real clients. */
export async function startTestGitHub(options: Partial<LocalGitHubOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'local-github-'))
  const receiver = await startReceiver()
  const github = await startLocalGitHub({
    port: 0,
    dataDirectory: join(folder, 'data'),
    users: [
      { login: 'alice', token: TOKENS.alice },
      { login: 'devbot', token: TOKENS.devbot },
      { login: 'reader', token: TOKENS.reader, permission: 'read' },
      { login: 'stranger', token: TOKENS.stranger, permission: 'none' },
    ],
    webhook: { url: receiver.url, secret: WEBHOOK_SECRET },
    ...options,
  })
  await github.seedRepository({
    owner: REPO.owner,
    name: REPO.repo,
    defaultBranch: 'trunk',
    history: [
      { message: 'Start', files: { 'README.md': '# Demo\n', 'src/lines.txt': lines(1, 20) } },
      { message: 'Add a file', files: { 'src/größe.txt': 'klein\n' } },
    ],
  })
  const octokit = (person: keyof typeof TOKENS) =>
    new Octokit({ auth: TOKENS[person], baseUrl: github.apiUrl, log: silent, request: { retries: 0 } })
  const git = async (directory: string, ...args: string[]) => {
    const identity = { 'user.name': 'Tester', 'user.email': 'tester@example.com' }
    const { stdout } = await run('git', args, { cwd: directory, env: gitEnvironment({}, identity) })
    return stdout.trim()
  }
  const addressFor = (token: string) =>
    github.gitUrl(REPO.owner, REPO.repo).replace('http://', `http://x-access-token:${token}@`)
  let clones = 0
  const clone = async (token = TOKENS.devbot) => {
    const directory = join(folder, `clone-${clones++}`)
    await git(folder, 'clone', '--quiet', addressFor(token), directory)
    return directory
  }
  return {
    github,
    folder,
    events: receiver.events,
    octokit,
    git,
    clone,
    addressFor,
    dataFolderEntries: () => readdir(join(folder, 'data', 'pushes')),
    stop: async () => {
      await github.stop()
      await receiver.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export type TestGitHub = Awaited<ReturnType<typeof startTestGitHub>>

const nothing = () => undefined
const silent = { debug: nothing, info: nothing, warn: nothing, error: nothing }

/** The numbers from first to last, one a line. */
export function lines(first: number, last: number): string {
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}\n`).join('')
}

/** Waits until a probe finds something; fails after ten seconds with what was expected. */
export async function until<T>(expected: string, probe: () => T | undefined): Promise<T> {
  const deadlineMs = Date.now() + 10_000
  for (;;) {
    const found = probe()
    if (found !== undefined) return found
    if (Date.now() > deadlineMs) throw new Error(`expected ${expected} within ten seconds`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

async function startReceiver() {
  const events: ReceivedEvent[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(Buffer.from(chunk))
    const body = Buffer.concat(chunks)
    const expected = `sha256=${createHmac('sha256', WEBHOOK_SECRET).update(body).digest('hex')}`
    events.push({
      event: String(request.headers['x-github-event']),
      signed: request.headers['x-hub-signature-256'] === expected,
      payload: JSON.parse(body.toString('utf8')),
    })
    response.writeHead(202).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { url: `http://127.0.0.1:${port}/webhook`, events, stop }
}
