import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { objectIdSchema } from '@devbot/contracts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RepositoryStore } from './repository-store.ts'
import { type Fixture, put, startFixture } from './testing/store-fixture.ts'

let fixture: Fixture
let store: RepositoryStore
let base: ReturnType<typeof objectIdSchema.parse>
beforeEach(async () => {
  fixture = await startFixture()
  base = fixture.commitAll('base')
  store = await fixture.open()
  await store.fetchBranch('trunk')
})
afterEach(() => fixture.stop())

const NOBODY = objectIdSchema.parse('1'.repeat(40))
const commitOn = async (parent: typeof base, content: string) => {
  const tree = await store.writeTree(await store.treeOf(parent), [put('file.txt', content)])
  return store.commit({ treeId: tree, parents: [parent], message: content, atMs: 1000 })
}
const pushesServed = () => fixture.server.requests.filter((line) => line.startsWith('POST') && line.includes('receive'))

/** Command lines and, for processes of ours, nothing else: what any user of the machine can see. */
const commandLines = () =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')]
      } catch {
        // The process ended between the listing and now.
        return []
      }
    })

describe('push', () => {
  it('makes a new branch and leaves every other ref alone', async () => {
    const commitId = await commitOn(base, 'one')
    await store.push({ commitId, branch: 'agent/x', expectedHeadId: undefined })
    expect(fixture.server.git('for-each-ref', '--format=%(objectname) %(refname)')).toBe(
      `${commitId} refs/heads/agent/x\n${base} refs/heads/trunk\n`,
    )
    expect(await store.remoteHead('agent/x')).toBe(commitId)
  })

  it('moves a branch forward from the expected head', async () => {
    const first = await commitOn(base, 'one')
    await store.push({ commitId: first, branch: 'agent/x', expectedHeadId: undefined })
    const second = await commitOn(first, 'two')
    await store.push({ commitId: second, branch: 'agent/x', expectedHeadId: first })
    expect(fixture.serverHead('agent/x')).toBe(second)
  })

  it('is content when the branch already points at the commit', async () => {
    const commitId = await commitOn(base, 'one')
    const input = { commitId, branch: 'agent/x', expectedHeadId: undefined }
    await store.push(input)
    await store.push(input)
    expect(fixture.serverHead('agent/x')).toBe(commitId)
  })

  it('says that the branch moved when somebody pushed to it meanwhile, and keeps their commit', async () => {
    const first = await commitOn(base, 'one')
    await store.push({ commitId: first, branch: 'agent/x', expectedHeadId: undefined })
    const theirs = fixture.commitAll('human', 'agent/x')
    const ours = await commitOn(first, 'two')
    await expect(store.push({ commitId: ours, branch: 'agent/x', expectedHeadId: first })).rejects.toMatchObject({
      category: 'conflict',
      code: 'git-branch-moved',
    })
    expect(fixture.serverHead('agent/x')).toBe(theirs)
  })

  it('says that the branch moved when it should not exist but does, and when it was deleted', async () => {
    const theirs = fixture.commitAll('human', 'agent/x')
    const ours = await commitOn(base, 'one')
    const moved = { category: 'conflict', code: 'git-branch-moved' }
    await expect(store.push({ commitId: ours, branch: 'agent/x', expectedHeadId: undefined })).rejects.toMatchObject(
      moved,
    )
    expect(fixture.serverHead('agent/x')).toBe(theirs)
    await expect(store.push({ commitId: ours, branch: 'agent/y', expectedHeadId: base })).rejects.toMatchObject(moved)
    expect(fixture.serverHead('agent/y')).toBe('')
  })

  it('refuses to rewrite history even when the lease would hold', async () => {
    const first = await commitOn(base, 'one')
    await store.push({ commitId: first, branch: 'agent/x', expectedHeadId: undefined })
    const other = await commitOn(base, 'other')
    await expect(store.push({ commitId: other, branch: 'agent/x', expectedHeadId: first })).rejects.toMatchObject({
      category: 'conflict',
      code: 'git-push-not-fast-forward',
    })
    await expect(store.push({ commitId: other, branch: 'agent/x', expectedHeadId: NOBODY })).rejects.toMatchObject({
      code: 'git-push-not-fast-forward',
    })
    expect(fixture.serverHead('agent/x')).toBe(first)
  })

  it('says so when the commit is no longer in the store', async () => {
    const input = { commitId: NOBODY, branch: 'agent/x', expectedHeadId: undefined }
    await expect(store.push(input)).rejects.toMatchObject({ category: 'transient', code: 'git-commit-missing' })
  })

  it('counts a push whose answer was lost as done, without doubling it', async () => {
    const log = join(fixture.root, 'received')
    fixture.server.hook('post-receive', `cat >> ${log}`)
    fixture.server.failures.push({ kind: 'cut', match: '/git-receive-pack', times: 1 })
    const commitId = await commitOn(base, 'one')
    await store.push({ commitId, branch: 'agent/x', expectedHeadId: undefined })
    expect(fixture.serverHead('agent/x')).toBe(commitId)
    expect(readFileSync(log, 'utf8').trim().split('\n')).toHaveLength(1)
  })

  it.each([
    { kind: 'reset', match: '/git-receive-pack' },
    { kind: 'status', status: 500, match: '/git-receive-pack' },
    { kind: 'status', status: 503, match: 'service=git-receive-pack' },
  ] as const)('goes through after one failure: $kind $status at $match', async (failure) => {
    fixture.server.failures.push({ ...failure, times: 1 })
    const commitId = await commitOn(base, 'one')
    await store.push({ commitId, branch: 'agent/x', expectedHeadId: undefined })
    expect(fixture.serverHead('agent/x')).toBe(commitId)
  })

  it("gives the server's reason when its rules refuse the push", async () => {
    fixture.server.hook('pre-receive', 'echo "no pushes on \u001b[31mSundays" >&2; exit 1')
    const commitId = await commitOn(base, 'one')
    const pushing = store.push({ commitId, branch: 'agent/x', expectedHeadId: undefined })
    await expect(pushing).rejects.toMatchObject({ category: 'permission', code: 'git-push-rejected' })
    await expect(pushing).rejects.toThrow(/no pushes on \[31mSundays/)
    expect(fixture.serverHead('agent/x')).toBe('')
  })

  it('checks what it pushes as strictly as a strict server would', async () => {
    const tree = await store.writeTree(await store.treeOf(base), [
      put('.gitmodules', '[submodule "x"]\n\tpath = x\n\turl = --upload-pack=evil\n'),
    ])
    const commitId = await store.commit({ treeId: tree, parents: [base], message: 'hostile', atMs: 0 })
    await expect(store.push({ commitId, branch: 'agent/x', expectedHeadId: undefined })).rejects.toMatchObject({
      category: 'invalid-input',
      code: 'git-objects-refused',
    })
    expect(pushesServed()).toEqual([])
  })
})

describe('network trouble', () => {
  it('names a refused token without showing it', async () => {
    const refused = await fixture.open({ credentials: async () => ({ username: 'x', password: 'wrong-secret-token' }) })
    const failing = refused.fetchBranch('trunk')
    await expect(failing).rejects.toMatchObject({ category: 'permission', code: 'git-permission-refused' })
    await expect(failing).rejects.not.toThrow(/wrong-secret-token/)
    const commitId = await commitOn(base, 'one')
    await expect(refused.push({ commitId, branch: 'agent/x', expectedHeadId: undefined })).rejects.toMatchObject({
      category: 'permission',
    })
  })

  it('shows why the push failed, not why the look at what became of it did', async () => {
    // The server fails over the push, and does not let anybody look afterwards.
    fixture.server.failures.push(
      { kind: 'status', status: 500, match: '/git-receive-pack', times: 99 },
      { kind: 'status', status: 403, match: 'service=git-upload-pack', times: 99 },
    )
    const commitId = await commitOn(base, 'one')
    await expect(store.push({ commitId, branch: 'agent/x', expectedHeadId: undefined })).rejects.toMatchObject({
      category: 'transient',
    })
  })

  it('asks once more for a token that was renewed meanwhile', async () => {
    const tokens = ['old-token', fixture.server.access.password]
    const renewed = await fixture.open({
      credentials: async () => ({ username: 'x-access-token', password: tokens.shift() ?? 'none-left' }),
    })
    expect(await renewed.remoteHead('trunk')).toBe(base)
  })

  it('says that the token may read but not write', async () => {
    fixture.server.failures.push({ kind: 'status', status: 403, match: 'receive-pack', times: 99 })
    const commitId = await commitOn(base, 'one')
    const pushing = store.push({ commitId, branch: 'agent/x', expectedHeadId: undefined })
    await expect(pushing).rejects.toMatchObject({ category: 'permission', code: 'git-permission-refused' })
    await expect(pushing).rejects.toThrow(/permission to write/)
  })

  it.each([
    [404, 'permission', 'git-repository-missing'],
    [301, 'invalid-input', 'git-remote-redirected'],
    [410, 'invalid-input', 'git-remote-not-git'],
    [502, 'transient', 'git-remote-busy'],
    [429, 'transient', 'git-remote-busy'],
  ])('translates a lasting status %i to %s, %s', async (status, category, code) => {
    fixture.server.failures.push({ kind: 'status', status, times: 99 })
    await expect(store.fetchBranch('trunk')).rejects.toMatchObject({ category, code })
  })

  it('fetches after one 500, and after one lost connection', async () => {
    fixture.server.failures.push({ kind: 'status', status: 500, times: 1 })
    expect(await store.fetchBranch('trunk')).toBe(base)
    fixture.server.failures.push({ kind: 'reset', times: 1 })
    expect(await store.fetchBranch('trunk')).toBe(base)
    expect(await store.remoteHead('trunk')).toBe(base)
  })

  it('gives up on a dead address within limits', async () => {
    const dead = await fixture.open({ remoteUrl: 'http://127.0.0.1:9/owner/sample.git' })
    await expect(dead.fetchBranch('trunk')).rejects.toMatchObject({
      category: 'transient',
      code: 'git-remote-unreachable',
    })
  })

  it('ends at the deadline when the server hangs, and leaves no process behind', async () => {
    const impatient = await fixture.open({ networkTimeoutMs: 1000 })
    fixture.server.failures.push({ kind: 'hang', times: 99 })
    const startedAt = Date.now()
    await expect(impatient.fetchBranch('trunk')).rejects.toMatchObject({
      category: 'transient',
      code: 'git-network-timeout',
    })
    expect(Date.now() - startedAt).toBeLessThan(3000)
    await expect
      .poll(() => commandLines().filter((line) => line.includes(fixture.server.url)), { timeout: 5000 })
      .toEqual([])
  })

  it.each(['fetch', 'push'] as const)('ends at once when a %s under way is no longer wanted', async (operation) => {
    const commitId = await commitOn(base, 'one')
    fixture.server.failures.push({ kind: 'hang', times: 99 })
    const stop = new AbortController()
    const stoppable = store.until(stop.signal)
    const underWay =
      operation === 'fetch'
        ? stoppable.fetchBranch('trunk')
        : stoppable.push({ commitId, branch: 'agent/x', expectedHeadId: undefined })
    const refused = expect(underWay).rejects.toMatchObject({ category: 'cancelled', code: 'git-stopped' })
    const asked = fixture.server.requests.length
    await expect.poll(() => fixture.server.requests.length).toBeGreaterThan(asked)
    const stoppedAt = Date.now()
    stop.abort()
    await refused
    expect(Date.now() - stoppedAt).toBeLessThan(2000)
    await expect
      .poll(() => commandLines().filter((line) => line.includes(fixture.server.url)), { timeout: 5000 })
      .toEqual([])
    await expect(stoppable.remoteHead('agent/x')).rejects.toMatchObject({ code: 'git-stopped' })
    fixture.server.failures.length = 0
    expect(await store.remoteHead('agent/x')).toBeUndefined()
  })
})

describe('the token', () => {
  it('is in no command line while git runs, and in no file of the store afterwards', async () => {
    const token = fixture.server.access.password
    const encoded = Buffer.from(`x-access-token:${token}`).toString('base64')
    fixture.server.hook('pre-receive', 'sleep 0.5')
    const commitId = await commitOn(base, 'one')
    let done = false
    const pushing = store.push({ commitId, branch: 'agent/x', expectedHeadId: undefined }).finally(() => {
      done = true
    })
    const seen = new Set<string>()
    while (!done) {
      for (const line of commandLines()) seen.add(line)
      await sleep(20)
    }
    await pushing
    const lines = [...seen]
    expect(lines.some((line) => line.includes('git') && line.includes('push') && line.includes(commitId))).toBe(true)
    expect(lines.filter((line) => line.includes(token) || line.includes(encoded))).toEqual([])
    const files = readdirSync(fixture.directory, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())
    const leaking = files.filter((file) => {
      const content = readFileSync(`${file.parentPath}/${file.name}`, 'latin1')
      return content.includes(token) || content.includes(encoded)
    })
    expect(leaking).toEqual([])
  })

  it('is not in the log that simple-git writes under DEBUG', async () => {
    const script = `
      const { openRepositoryStore } = await import(${JSON.stringify(new URL('./bare-repository-store.ts', import.meta.url).href)})
      const store = await openRepositoryStore({
        ...JSON.parse(process.argv[1]), networkTimeoutMs: 20000, author: { name: 'a', email: 'b' },
        credentials: async () => ({ username: 'x-access-token', password: process.env.TOKEN }),
      })
      await store.fetchBranch('trunk')
    `
    const options = JSON.stringify({ directory: fixture.directory, remoteUrl: fixture.server.url })
    const token = fixture.server.access.password
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, options], {
      env: { DEBUG: '*', TOKEN: token, PATH: process.env.PATH },
      maxBuffer: 16 * 1024 * 1024,
    })
    const { stderr } = await run
    expect(stderr).toContain('GIT_CONFIG_VALUE_0')
    expect(stderr).not.toContain(token)
    expect(stderr).not.toContain(Buffer.from(`x-access-token:${token}`).toString('base64'))
  })
})
