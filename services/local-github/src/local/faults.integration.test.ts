import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { REPO, startTestGitHub, type TestGitHub, until } from '../testing/start-test-github.ts'

let hub: TestGitHub
let directory: string
beforeAll(async () => {
  hub = await startTestGitHub()
  directory = await hub.clone()
})
afterEach(() => hub.github.clearFaults())
afterAll(() => hub.stop())

const devbot = () => hub.octokit('devbot')
const local = (path: string, body?: unknown) =>
  fetch(`${hub.github.url}/_local/${path}`, {
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    headers: { 'content-type': 'application/json' },
  })

describe('faults', () => {
  test('answers with a status as often as asked, then as usual', async () => {
    const match = { method: 'GET', pathPattern: '^/api/v3/repos/' }
    const set = await local('faults', {
      match,
      action: 'status',
      status: 503,
      times: 2,
      headers: { 'retry-after': '1' },
    })
    expect(set.status).toBe(201)
    const failure = { status: 503, response: { headers: { 'retry-after': '1' } } }
    await expect(devbot().repos.get(REPO)).rejects.toMatchObject(failure)
    await expect(devbot().repos.get(REPO)).rejects.toMatchObject(failure)
    expect((await devbot().repos.get(REPO)).status).toBe(200)
  })

  test('refuses a fault it does not understand', async () => {
    const set = await local('faults', { match: { pathPattern: '(' }, action: 'explode' })
    expect(set.status).toBe(422)
  })

  test('cuts the connection before anything is done', async () => {
    hub.github.addFault({ match: { method: 'POST', pathPattern: '/comments$' }, action: 'reset' })
    const comment = () => devbot().issues.createComment({ ...REPO, issue_number: 1, body: 'x' })
    await expect(comment()).rejects.toMatchObject({ status: 500 })
    await expect(comment()).rejects.toMatchObject({ status: 404 })
  })

  test('waits before it goes on', async () => {
    hub.github.addFault({ match: { pathPattern: '/user$' }, action: 'delay', delayMs: 300 })
    const startedMs = Date.now()
    await devbot().users.getAuthenticated()
    expect(Date.now() - startedMs).toBeGreaterThanOrEqual(290)
  })

  test('loses the answer of a push that went through', async () => {
    hub.github.addFault({ match: { method: 'POST', pathPattern: 'git-receive-pack$' }, action: 'lose-answer' })
    await hub.git(directory, 'commit', '--quiet', '--allow-empty', '-m', 'Lost')
    const pushing = hub.git(directory, 'push', 'origin', 'HEAD:refs/heads/lost')
    await expect(pushing).rejects.toThrow(/hung up|reset|curl|RPC failed/i)
    const head = await hub.git(directory, 'rev-parse', 'HEAD')
    const ref = await devbot().git.getRef({ ...REPO, ref: 'heads/lost' })
    expect(ref.data.object.sha).toBe(head)
  })

  test('loses the answer of a created pull request that exists', async () => {
    hub.github.addFault({ match: { method: 'POST', pathPattern: '/pulls$' }, action: 'lose-answer' })
    const create = () => devbot().pulls.create({ ...REPO, title: 'Lost', head: 'lost', base: 'trunk' })
    await expect(create()).rejects.toMatchObject({ status: 500 })
    await expect(create()).rejects.toMatchObject({ status: 422 })
    expect((await devbot().pulls.list(REPO)).data).toHaveLength(1)
  })

  test('answers a git request with a status', async () => {
    hub.github.addFault({ match: { pathPattern: '/info/refs$' }, action: 'status', status: 500 })
    await expect(hub.git(directory, 'fetch', 'origin')).rejects.toThrow(/500/)
    await hub.git(directory, 'fetch', '--quiet', 'origin')
  })

  test('keeps a list of requests that names people but no token', async () => {
    await devbot().users.getAuthenticated()
    const answer = await local('requests')
    const text = await answer.text()
    expect(JSON.parse(text).at(-1)).toMatchObject({ method: 'GET', path: '/api/v3/user', status: 200, user: 'devbot' })
    expect(text).not.toContain('-token')
  })

  test('records a delivery that nobody took as failed and sends it again only when asked', async () => {
    hub.github.setWebhook({ url: 'http://127.0.0.1:1/webhook', secret: 'a-secret-of-enough-length' })
    await devbot().issues.createComment({ ...REPO, issue_number: 1, body: 'Anybody there?' })
    const failed = await until('a failed delivery', () => hub.github.deliveries().find((delivery) => !delivery.ok))
    expect(failed).toMatchObject({ event: 'issue_comment', action: 'created', error: expect.any(String) })
    expect(hub.github.deliveries().filter((delivery) => delivery.id === failed.id)).toHaveLength(1)
    const again = await local(`deliveries/${failed.id}/redeliver`, {})
    expect(await again.json()).toMatchObject({ id: failed.id, ok: false })
  })
})

describe('main', () => {
  test('names every bad setting at once, prints no value and ends with 2', async () => {
    const main = fileURLToPath(new URL('../main.ts', import.meta.url))
    const env = { LOCAL_GITHUB_PORT: 'secret-port', LOCAL_GITHUB_DATA_DIR: '' }
    const ended = await new Promise<{ code: unknown; stderr: string }>((resolve) => {
      execFile(process.execPath, [main], { env }, (error, _stdout, stderr) => resolve({ code: error?.code, stderr }))
    })
    expect(ended.code).toBe(2)
    expect(ended.stderr).toMatch(/LOCAL_GITHUB_PORT[\s\S]*LOCAL_GITHUB_DATA_DIR[\s\S]*LOCAL_GITHUB_CONFIG_FILE/)
    expect(ended.stderr).not.toContain('secret-port')
  })
})
