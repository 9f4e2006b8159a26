import { createSign, generateKeyPairSync } from 'node:crypto'
import { Octokit } from '@octokit/rest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { REPO, startTestGitHub, type TestGitHub, TOKENS } from '../testing/start-test-github.ts'

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
let hub: TestGitHub
beforeAll(async () => {
  const privateKeyPem = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
  hub = await startTestGitHub({
    apps: [{ appId: 77, slug: 'devbot-app', privateKeyPem, installationId: 5, account: 'alice' }],
  })
})
afterAll(() => hub.stop())

const withToken = (auth?: string) =>
  new Octokit({ ...(auth === undefined ? {} : { auth }), baseUrl: hub.github.apiUrl, log: quiet })
const nothing = () => undefined
const quiet = { debug: nothing, info: nothing, warn: nothing, error: nothing }

describe('access', () => {
  test('answers 401 without a token and with an unknown one, also for reading', async () => {
    await expect(withToken().repos.get(REPO)).rejects.toMatchObject({ status: 401 })
    await expect(withToken('nobody').repos.get(REPO)).rejects.toMatchObject({
      status: 401,
      response: { data: { message: 'Bad credentials' } },
    })
    await expect(withToken('nobody').users.getAuthenticated()).rejects.toMatchObject({ status: 401 })
  })

  test('tells each person who they are and what they may do', async () => {
    expect((await hub.octokit('devbot').users.getAuthenticated()).data.login).toBe('devbot')
    const may = async (person: 'alice' | 'devbot' | 'reader') =>
      (await hub.octokit(person).repos.get(REPO)).data.permissions
    expect(await may('alice')).toMatchObject({ admin: true, push: true })
    expect(await may('devbot')).toMatchObject({ admin: false, push: true })
    expect(await may('reader')).toMatchObject({ push: false, pull: true })
    await expect(hub.octokit('stranger').repos.get(REPO)).rejects.toMatchObject({ status: 404 })
    expect((await hub.octokit('devbot').repos.get({ owner: 'ALICE', repo: 'Demo' })).data).toMatchObject({
      full_name: 'alice/demo',
      default_branch: 'trunk',
      private: true,
      clone_url: hub.github.gitUrl('alice', 'demo'),
    })
  })

  test('names the permission of every known person, and 404 for unknown ones', async () => {
    const level = async (username: string) => {
      const { data } = await hub.octokit('devbot').repos.getCollaboratorPermissionLevel({ ...REPO, username })
      return [data.permission, data.role_name]
    }
    expect(await level('alice')).toEqual(['admin', 'admin'])
    expect(await level('devbot')).toEqual(['write', 'write'])
    expect(await level('reader')).toEqual(['read', 'read'])
    expect(await level('stranger')).toEqual(['none', 'none'])
    await expect(level('nobody')).rejects.toMatchObject({ status: 404 })
  })

  test('lets everybody known read and comment on a public repository, but not push', async () => {
    await hub.github.seedRepository({
      owner: 'alice',
      name: 'open',
      visibility: 'public',
      collaborators: { reader: 'maintain' },
      history: [{ message: 'Start', files: { a: 'a\n' } }],
    })
    const open = { owner: 'alice', repo: 'open' }
    expect((await hub.octokit('stranger').repos.get(open)).data.permissions).toMatchObject({ pull: true, push: false })
    expect((await hub.octokit('reader').repos.get(open)).data.permissions).toMatchObject({ maintain: true })
    const issue = await hub.octokit('alice').issues.create({ ...open, title: 'Talk' })
    const talk = { ...open, issue_number: issue.data.number, body: 'Hello' }
    expect((await hub.octokit('stranger').issues.createComment(talk)).data.user?.login).toBe('stranger')
    const push = `${hub.github.gitUrl('alice', 'open')}/info/refs?service=git-receive-pack`
    const authorization = `Basic ${Buffer.from(`x:${TOKENS.stranger}`).toString('base64')}`
    expect((await fetch(push, { headers: { authorization } })).status).toBe(403)
  })

  test('serves an app: its installation, a token of it, REST and git with that token', async () => {
    const app = withToken(jwt())
    const installation = await app.apps.getRepoInstallation(REPO)
    expect(installation.data.id).toBe(5)
    const { data } = await app.apps.createInstallationAccessToken({ installation_id: 5, repositories: ['demo'] })
    const bot = withToken(data.token)
    expect((await bot.repos.get(REPO)).data.permissions).toMatchObject({ push: true })
    await expect(bot.users.getAuthenticated()).rejects.toMatchObject({ status: 403 })
    const directory = await hub.clone(data.token)
    await hub.git(directory, 'commit', '--quiet', '--allow-empty', '-m', 'By the app')
    await hub.git(directory, 'push', '--quiet', 'origin', 'HEAD:refs/heads/by-app')
    const pull = await bot.pulls.create({ ...REPO, title: 'By the app', head: 'by-app', base: 'trunk' })
    expect(pull.data.user).toMatchObject({ login: 'devbot-app[bot]', type: 'Bot' })
  })

  test('refuses an app whose token another key signed', async () => {
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    await expect(withToken(jwt(other)).apps.getRepoInstallation(REPO)).rejects.toMatchObject({ status: 401 })
  })

  test('says in plain words what it does not serve', async () => {
    await expect(
      hub.octokit('alice').repos.createOrUpdateFileContents({ ...REPO, path: 'x', message: 'x', content: '' }),
    ).rejects.toMatchObject({ status: 501, message: expect.stringContaining('with git') })
  })
})

function jwt(key = privateKey): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const nowS = Math.floor(Date.now() / 1000)
  const unsigned = `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ iat: nowS - 30, exp: nowS + 300, iss: '77' })}`
  return `${unsigned}.${createSign('RSA-SHA256').update(unsigned).sign(key, 'base64url')}`
}
