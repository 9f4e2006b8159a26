import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseReportFacts } from '@devbot/contracts'
import { type Stack, startStack, waitFor } from '@devbot/demo'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { repository, worldOf } from './src/world.ts'

const PLAN = '261122__PLAN__rounding-and-relative-times.md'
const review = JSON.parse(await readFile(fileURLToPath(new URL('../demo/review.json', import.meta.url)), 'utf8'))

/** In containers where they are possible. What is not about containers, the other tests show with processes. */
describe('the loop, on a real change in a real program', () => {
  let stack: Stack
  let world: ReturnType<typeof worldOf>
  let baseBefore: string | undefined

  beforeAll(async () => {
    stack = await startStack()
    world = worldOf(stack)
    baseBefore = (await world.branches()).get('main')
    await stack.dropPlan(PLAN)
  })
  afterAll(() => stack?.stop())

  it('opens one pull request whose own test run went from red to green', async () => {
    const task = await world.settled(PLAN, 'in-review')
    const pulls = await world.pulls()
    expect(pulls).toMatchObject([
      { state: 'open', draft: false, head: { ref: task.branch }, base: { ref: 'main' }, user: { login: 'devbot' } },
    ])
    expect(task.branch).toMatch(/^agent\/261122-plan-rounding-and-relative-times-\d{10}$/)
    const report = await world.report(PLAN)
    expect(report).toContain('fixed: tests failed before and pass now')
    expect(parseReportFacts(Buffer.from(report))).toEqual({ planHash: task.planHash, status: 'in-review' })
  })

  it('pushes exactly the tree it tested', async () => {
    const task = await world.settled(PLAN, 'in-review')
    const details = await stack.ledger.details(task.id)
    const tested = details?.runs[0]?.verification?.treeId
    const { data: commit } = await world
      .as('reviewer')
      .git.getCommit({ ...repository, commit_sha: task.headCommitId ?? '' })
    expect(tested).toBe(commit.tree.sha)
  })

  it('works off a review: second commit, answers where they were asked, report renewed', async () => {
    const { pullRequest, branch } = await world.settled(PLAN, 'in-review')
    const pull_number = pullRequest?.number ?? 0
    await world.requestChanges('reviewer', pull_number, review.body, review.comments)
    await world.roundDone(PLAN, 1)

    expect(await world.commits(branch)).toHaveLength(2)
    const { data: comments } = await world.as('reviewer').pulls.listReviewComments({ ...repository, pull_number })
    const [asked, answer] = comments
    expect(answer).toMatchObject({
      user: { login: 'devbot' },
      in_reply_to_id: asked?.id,
      path: review.comments[0].path,
    })
    const { data: conversation } = await world
      .as('reviewer')
      .issues.listComments({ ...repository, issue_number: pull_number })
    expect(conversation).toHaveLength(1)
    const report = await world.report(PLAN)
    expect(report).toMatch(/^rounds: 1$/m)
    expect(report.split('## Feedback')[1]).toContain('| done |')
  })

  it('leaves the base branch and every other ref as they were', async () => {
    const branches = await world.branches()
    const { branch } = await world.settled(PLAN, 'in-review')
    expect(branches.get('main')).toBe(baseBefore)
    expect([...branches.keys()].sort()).toEqual([branch, 'main'].sort())
  })

  it('sent the model nothing it would refuse, and read most input from cache', async () => {
    expect(stack.model.violations()).toEqual([])
  })

  it('leaves nothing on the engine while the task waits for people', async () => {
    const { instance, sandbox: place } = stack
    if (place.driver === 'docker')
      await waitFor('the sandboxes to be gone', async () => (await place.engine.thingsOf(instance)).length === 0)
  })

  it('leaves no secret in logs, report, commits, pull request or ledger', async () => {
    const secrets = [stack.env.ANTHROPIC_API_KEY, stack.env.GITHUB_TOKEN, stack.webhookSecret].map(
      (secret) => secret ?? '',
    )
    const { branch, pullRequest } = await world.settled(PLAN, 'in-review')
    const { data: pull } = await world
      .as('reviewer')
      .pulls.get({ ...repository, pull_number: pullRequest?.number ?? 0 })
    const texts = [
      ...(await Promise.all(stack.logFiles.map((file) => readFile(file, 'utf8')))),
      await world.report(PLAN),
      (await world.commits(branch)).join('\n'),
      JSON.stringify(pull),
      (await readFile(`${stack.redis.directory}/appendonlydir/${await appendOnlyFile(stack)}`)).toString('latin1'),
    ]
    for (const secret of secrets) {
      for (const form of [secret, Buffer.from(secret).toString('base64'), Buffer.from(secret).toString('hex')]) {
        expect(texts.some((text) => text.includes(form))).toBe(false)
      }
    }
    expect(texts.every((text) => text.length > 0)).toBe(true)
  })

  it('ends the task when a person merges the pull request, and says so in the report', async () => {
    const { pullRequest } = await world.settled(PLAN, 'in-review')
    await world.as('reviewer').pulls.merge({ ...repository, pull_number: pullRequest?.number ?? 0 })
    const task = await world.settled(PLAN, 'merged')
    expect(task.statusReason).toContain('ada')
    expect(await world.report(PLAN)).toMatch(/^status: merged$/m)
  })
})

async function appendOnlyFile(stack: Stack): Promise<string> {
  const manifest = await readFile(`${stack.redis.directory}/appendonlydir/appendonly.aof.manifest`, 'utf8')
  return /file (\S+) seq \d+ type i/.exec(manifest)?.[1] ?? ''
}
