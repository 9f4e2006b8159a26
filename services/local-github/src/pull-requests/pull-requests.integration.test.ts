import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lines, REPO, startTestGitHub, type TestGitHub, until } from '../testing/start-test-github.ts'

let hub: TestGitHub
let directory: string
beforeAll(async () => {
  hub = await startTestGitHub()
  directory = await hub.clone()
})
afterAll(() => hub.stop())

async function pushChange(branch: string, content: string): Promise<string> {
  await writeFile(join(directory, 'src/lines.txt'), content)
  await hub.git(directory, 'commit', '--quiet', '-am', `Change ${branch}`)
  await hub.git(directory, 'push', '--quiet', 'origin', `HEAD:refs/heads/${branch}`)
  return hub.git(directory, 'rev-parse', 'HEAD')
}

async function openPull(branch: string, more: { draft?: boolean } = {}) {
  await hub.git(directory, 'checkout', '--quiet', '-B', branch, 'origin/trunk')
  const head = await pushChange(branch, lines(1, 20).replace('5\n', `five of ${branch}\n`))
  const input = { ...REPO, title: `Pull ${branch}`, head: branch, base: 'trunk', body: 'Why', ...more }
  const { data } = await hub.octokit('devbot').pulls.create(input)
  return { number: data.number, head, data }
}

const devbot = () => hub.octokit('devbot')
const alice = () => hub.octokit('alice')

describe('pull requests', () => {
  test('opens one with the pushed head, true figures and a page for people', async () => {
    const { data, head, number } = await openPull('opened', { draft: true })
    expect(data).toMatchObject({
      state: 'open',
      draft: true,
      user: { login: 'devbot', type: 'User' },
      head: { ref: 'opened', sha: head, repo: { full_name: 'alice/demo' } },
      base: { ref: 'trunk' },
      commits: 1,
      additions: 1,
      deletions: 1,
      changed_files: 1,
      mergeable_state: 'draft',
    })
    const page = await fetch(data.html_url)
    expect(page.status).toBe(200)
    expect(await page.text()).toContain('+five of opened')
    const files = await devbot().pulls.listFiles({ ...REPO, pull_number: number })
    expect(files.data).toMatchObject([{ filename: 'src/lines.txt', status: 'modified', additions: 1, deletions: 1 }])
    expect(files.data[0]?.patch).toMatch(/^@@ [^\n]+@@[\s\S]*\n-5\n\+five of opened\n/)
    const commits = await devbot().pulls.listCommits({ ...REPO, pull_number: number })
    expect(commits.data.map((commit) => commit.sha)).toEqual([head])
  })

  test('answers 422 in the words of GitHub for a second one, for no commits and for unknown branches', async () => {
    await openPull('single')
    const create = (head: string, base = 'trunk') => devbot().pulls.create({ ...REPO, title: 'Again', head, base })
    const refusal = (error: object) => ({
      status: 422,
      response: {
        data: {
          message: 'Validation Failed',
          errors: [expect.objectContaining({ resource: 'PullRequest', ...error })],
        },
      },
    })
    const exists = { code: 'custom', message: 'A pull request already exists for alice:single.' }
    await expect(create('single')).rejects.toMatchObject(refusal(exists))
    await expect(create('alice:single')).rejects.toMatchObject(refusal(exists))
    const empty = { code: 'custom', message: 'No commits between trunk and trunk' }
    await expect(create('trunk')).rejects.toMatchObject(refusal(empty))
    await expect(create('missing')).rejects.toMatchObject(refusal({ field: 'head', code: 'invalid' }))
    await expect(create('single', 'missing')).rejects.toMatchObject(refusal({ field: 'base', code: 'invalid' }))
  })

  test('finds those of one branch in any state, and pages through lists', async () => {
    const first = await openPull('searched')
    await alice().pulls.update({ ...REPO, pull_number: first.number, state: 'closed' })
    const second = await devbot().pulls.create({ ...REPO, title: 'New', head: 'searched', base: 'trunk' })
    const list = { ...REPO, head: 'alice:searched', state: 'all' as const }
    const found = await devbot().pulls.list(list)
    expect(found.data.map((pull) => [pull.number, pull.state])).toEqual([
      [second.data.number, 'open'],
      [first.number, 'closed'],
    ])
    const page = await devbot().pulls.list({ ...list, per_page: 1 })
    expect(page.data).toHaveLength(1)
    expect(page.headers.link).toContain(`<${hub.github.apiUrl}/repos/alice/demo/pulls?`)
    expect(await devbot().paginate(devbot().pulls.list, { ...list, per_page: 1 })).toHaveLength(2)
  })

  test('follows its branch, and says so by a synchronize event before the push returns', async () => {
    const { number, head } = await openPull('moving')
    const next = await pushChange('moving', lines(1, 21))
    const pull = await devbot().pulls.get({ ...REPO, pull_number: number })
    expect(pull.data.head.sha).toBe(next)
    expect(pull.data.commits).toBe(2)
    const event = await until('a synchronize event', () =>
      hub.events.find(({ payload }) => payload.action === 'synchronize' && payload.number === number),
    )
    expect(event.payload).toMatchObject({ before: head, after: next, pull_request: { head: { sha: next } } })
    const refs = await hub.git(directory, 'ls-remote', 'origin', `refs/pull/${number}/head`)
    expect(refs.split('\t')[0]).toBe(next)
  })

  test('closes, reopens, and closes when the branch is deleted', async () => {
    const { number } = await openPull('doors')
    const state = async () => (await devbot().pulls.get({ ...REPO, pull_number: number })).data.state
    await alice().pulls.update({ ...REPO, pull_number: number, state: 'closed' })
    expect(await state()).toBe('closed')
    await alice().pulls.update({ ...REPO, pull_number: number, state: 'open' })
    expect(await state()).toBe('open')
    await hub.git(directory, 'push', '--quiet', 'origin', ':doors')
    expect(await state()).toBe('closed')
    await until('closed, reopened and closed events', () => {
      const ours = hub.events.filter(({ event, payload }) => event === 'pull_request' && payload.number === number)
      const actions = ours.map(({ payload }) => payload.action)
      return actions.join() === 'opened,closed,reopened,closed' ? actions : undefined
    })
  })

  test('merges in git, so that a fetch of the base branch has the change, and refuses a draft or a stale head', async () => {
    const draft = await openPull('unready', { draft: true })
    const merge = (pull_number: number, sha?: string) =>
      alice().pulls.merge({ ...REPO, pull_number, ...(sha === undefined ? {} : { sha }) })
    await expect(merge(draft.number)).rejects.toMatchObject({ status: 405 })
    const { number } = await openPull('merged')
    await expect(merge(number, draft.head)).rejects.toMatchObject({ status: 409 })
    const { data } = await merge(number)
    await hub.git(directory, 'fetch', '--quiet', 'origin')
    expect(await hub.git(directory, 'rev-parse', 'origin/trunk')).toBe(data.sha)
    expect(await hub.git(directory, 'show', 'origin/trunk:src/lines.txt')).toContain('five of merged')
    const after = (await devbot().pulls.get({ ...REPO, pull_number: number })).data
    expect(after).toMatchObject({ merged: true, state: 'closed', merge_commit_sha: data.sha, changed_files: 1 })
    const event = await until('a closed event of the merge', () =>
      hub.events.find(({ payload }) => payload.number === number && payload.action === 'closed'),
    )
    expect(event.payload).toMatchObject({ pull_request: { merged: true, merged_by: { login: 'alice' } } })
    // The other one now conflicts with the base.
    expect((await devbot().pulls.get({ ...REPO, pull_number: draft.number })).data.mergeable).toBe(false)
  })

  test('adds labels and asks for reviews, but not of the author or of strangers', async () => {
    const { number } = await openPull('reviewed')
    const labels = await devbot().issues.addLabels({ ...REPO, issue_number: number, labels: ['devbot', 'new'] })
    expect(labels.data.map((label) => label.name)).toEqual(['devbot', 'new'])
    const ask = (login: string) => devbot().pulls.requestReviewers({ ...REPO, pull_number: number, reviewers: [login] })
    expect((await ask('alice')).status).toBe(201)
    await expect(ask('devbot')).rejects.toMatchObject({ status: 422 })
    await expect(ask('stranger')).rejects.toMatchObject({ status: 422 })
    await expect(
      hub.octokit('reader').issues.addLabels({ ...REPO, issue_number: number, labels: ['x'] }),
    ).rejects.toMatchObject({ status: 403 })
    const pull = (await devbot().pulls.get({ ...REPO, pull_number: number })).data
    expect(pull.requested_reviewers?.map((person) => person.login)).toEqual(['alice'])
    expect(pull.labels.map((label) => label.name)).toEqual(['devbot', 'new'])
  })

  test('counts as merged when somebody pushes its commits to the base branch', async () => {
    const { number, head } = await openPull('taken')
    await hub.git(directory, 'push', '--quiet', 'origin', `${head}:refs/heads/trunk`)
    const pull = (await devbot().pulls.get({ ...REPO, pull_number: number })).data
    expect(pull).toMatchObject({ merged: true, merge_commit_sha: head })
  })
})
