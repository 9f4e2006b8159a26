import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { REPO, startTestGitHub, type TestGitHub, TOKENS } from '../testing/start-test-github.ts'

let hub: TestGitHub
beforeAll(async () => {
  hub = await startTestGitHub()
})
afterAll(() => hub.stop())

const infoRefs = (service: string) => `${hub.github.gitUrl('alice', 'demo')}/info/refs?service=git-${service}`
const basic = (token: string) => ({ authorization: `Basic ${Buffer.from(`x:${token}`).toString('base64')}` })

/** A new branch with one commit of the given files, pushed. */
async function pushBranch(directory: string, branch: string, files: Record<string, string | Buffer>) {
  await hub.git(directory, 'checkout', '--quiet', '-b', branch)
  for (const [path, content] of Object.entries(files)) await writeFile(join(directory, path), content)
  await hub.git(directory, 'add', '--all')
  await hub.git(directory, 'commit', '--quiet', '-m', `Change on ${branch}`)
  await hub.git(directory, 'push', '--quiet', 'origin', branch)
  return hub.git(directory, 'rev-parse', 'HEAD')
}

describe('git over HTTP', () => {
  test('asks for a token when none or a wrong one is sent', async () => {
    for (const headers of [{}, basic('wrong')]) {
      const response = await fetch(infoRefs('upload-pack'), { headers })
      expect(response.status).toBe(401)
      expect(response.headers.get('www-authenticate')).toMatch(/^Basic /)
    }
    await expect(hub.clone('wrong')).rejects.toThrow(/Authentication failed|could not read/)
  })

  test('hides the repository from a known person without any permission', async () => {
    expect((await fetch(infoRefs('upload-pack'), { headers: basic(TOKENS.stranger) })).status).toBe(404)
  })

  test('serves a clone with its default branch and history to a reader, who may not push', async () => {
    const directory = await hub.clone(TOKENS.reader)
    expect(await hub.git(directory, 'branch', '--show-current')).toBe('trunk')
    expect(await hub.git(directory, 'log', '--format=%s')).toBe('Add a file\nStart')
    expect((await fetch(infoRefs('receive-pack'), { headers: basic(TOKENS.reader) })).status).toBe(403)
    await expect(pushBranch(directory, 'readers', { 'x.txt': 'x' })).rejects.toThrow(/403|denied/)
  })

  test('shows a pushed branch with its files by REST as soon as the push is through, non-ASCII names included', async () => {
    const id = await pushBranch(await hub.clone(), 'feature/ünï', { 'naïve file.txt': 'x\n', '日本.txt': 'y\n' })
    const branch = await hub.octokit('devbot').repos.getBranch({ ...REPO, branch: 'feature/ünï' })
    expect(branch.data.commit.sha).toBe(id)
    const compared = await hub
      .octokit('devbot')
      .repos.compareCommitsWithBasehead({ ...REPO, basehead: `trunk...${id}` })
    expect(compared.data.files?.map((file) => file.filename).sort()).toEqual(['naïve file.txt', '日本.txt'])
    const file = await hub.octokit('devbot').repos.getContent({ ...REPO, path: '日本.txt', ref: id })
    expect(file.data).toMatchObject({ content: Buffer.from('y\n').toString('base64') })
    expect(await hub.dataFolderEntries()).toEqual([])
  })

  test('takes two pushes at once to two branches, and each push event names its own', async () => {
    const [one, two] = await Promise.all([hub.clone(), hub.clone(TOKENS.alice)])
    const ids = await Promise.all([
      pushBranch(one, 'first', { 'one.txt': '1\n' }),
      pushBranch(two, 'second', { 'two.txt': '2\n' }),
    ])
    const refs = await hub.octokit('devbot').git.listMatchingRefs({ ...REPO, ref: 'heads/' })
    const heads = Object.fromEntries(refs.data.map((ref) => [ref.ref, ref.object.sha]))
    expect(heads).toMatchObject({ 'refs/heads/first': ids[0], 'refs/heads/second': ids[1] })
    const pushers = hub.events
      .filter(({ event, payload }) => event === 'push' && /first|second/.test(String(payload.ref)))
      .map(({ payload }) => [payload.ref, payload.pusher])
    expect(Object.fromEntries(pushers)).toMatchObject({
      'refs/heads/first': { name: 'devbot' },
      'refs/heads/second': { name: 'alice' },
    })
  })

  test('takes a large push in chunks and serves it back byte for byte', async () => {
    const directory = await hub.clone()
    const bytes = randomBytes(3_000_000)
    const id = await pushBranch(directory, 'large', { 'large.bin': bytes })
    const again = await hub.clone()
    expect(await hub.git(again, 'rev-parse', `origin/large:large.bin`)).toBe(
      await hub.git(directory, 'rev-parse', `${id}:large.bin`),
    )
  })

  test('understands a compressed request body', async () => {
    const head = await hub.octokit('devbot').git.getRef({ ...REPO, ref: 'heads/trunk' })
    const line = (text: string) => `${(text.length + 4).toString(16).padStart(4, '0')}${text}`
    const request = `${line(`want ${head.data.object.sha} no-progress\n`)}0000${line('done\n')}`
    const response = await fetch(`${hub.github.gitUrl('alice', 'demo')}/git-upload-pack`, {
      method: 'POST',
      headers: {
        ...basic(TOKENS.reader),
        'content-type': 'application/x-git-upload-pack-request',
        'content-encoding': 'gzip',
      },
      body: gzipSync(request),
    })
    expect(response.status).toBe(200)
    expect(Buffer.from(await response.arrayBuffer()).toString('latin1')).toMatch(/^0008NAK\nPACK/)
  })

  test('lets a branch be replaced by force and be deleted, and tells REST so', async () => {
    const directory = await hub.clone()
    await pushBranch(directory, 'short-lived', { 'a.txt': 'a\n' })
    await hub.git(directory, 'commit', '--quiet', '--amend', '-m', 'Another')
    const id = await hub.git(directory, 'rev-parse', 'HEAD')
    await expect(hub.git(directory, 'push', 'origin', 'short-lived')).rejects.toThrow(/non-fast-forward/)
    await hub.git(directory, 'push', '--quiet', '--force', 'origin', 'short-lived')
    const get = () => hub.octokit('devbot').git.getRef({ ...REPO, ref: 'heads/short-lived' })
    expect((await get()).data.object.sha).toBe(id)
    await hub.git(directory, 'push', '--quiet', 'origin', ':short-lived')
    await expect(get()).rejects.toMatchObject({ status: 404 })
    await expect(hub.git(directory, 'push', 'origin', ':trunk')).rejects.toThrow(/deletion of the current branch/)
  })

  test('refuses a push to a protected branch in words a person understands', async () => {
    await hub.github.seedRepository({
      owner: 'alice',
      name: 'guarded',
      protectedBranches: ['main'],
      history: [{ message: 'Start', files: { a: 'a\n' } }],
    })
    const directory = join(hub.folder, 'guarded')
    const address = hub.addressFor(TOKENS.devbot).replace('demo.git', 'guarded.git')
    await hub.git(hub.folder, 'clone', '--quiet', address, directory)
    await hub.git(directory, 'commit', '--quiet', '--allow-empty', '-m', 'Sneak')
    await expect(hub.git(directory, 'push', 'origin', 'main')).rejects.toThrow(/GH006: Protected branch/)
    await hub.git(directory, 'push', '--quiet', 'origin', 'main:other')
  })

  test('mirrors commits whose id the emulator cannot reproduce, and still shows the real id', async () => {
    const directory = await hub.clone()
    await hub.git(directory, 'checkout', '--quiet', '-b', 'odd')
    const tree = await hub.git(directory, 'rev-parse', 'HEAD^{tree}')
    const head = await hub.git(directory, 'rev-parse', 'HEAD')
    const text = `tree ${tree}\nparent ${head}\nauthor A <a@b> 1700000000 +0530\ncommitter A <a@b> 1700000000 +0530\nencoding ISO-8859-1\n\nOdd`
    await writeFile(join(hub.folder, 'odd-commit'), text)
    const odd = await hub.git(directory, 'hash-object', '-t', 'commit', '-w', join(hub.folder, 'odd-commit'))
    await hub.git(directory, 'push', '--quiet', 'origin', `${odd}:refs/heads/odd`)
    const branch = await hub.octokit('devbot').repos.getBranch({ ...REPO, branch: 'odd' })
    expect(branch.data.commit.sha).toBe(odd)
  })
})
