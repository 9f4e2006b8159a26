import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type FeedbackRow, parsePullRequestMarker, type RecordedEvent, type Task } from '@devbot/contracts'
import { type Stack, withClone } from '@devbot/demo'
import type { Octokit } from '@octokit/rest'
import { repository, worldOf } from '../world.ts'
import { withoutParticulars } from './without-particulars.ts'

/** What is left of one plan outside, as everybody can see it; what differs from plan to plan is taken out. */
export type OutsideState = {
  readonly branches: readonly { readonly name: string; readonly commits: readonly Commit[] }[]
  readonly pulls: readonly PullState[]
  /** Files of the plan folder, with the text of the reports. */
  readonly files: Readonly<Record<string, string>>
  readonly task: readonly unknown[]
}

type Commit = { readonly tree: string; readonly author: string; readonly committer: string; readonly message: string }

export type PullState = {
  readonly number: number
  readonly state: string
  readonly draft: boolean
  readonly title: string
  readonly body: string
  readonly base: string
  readonly reviewers: readonly string[]
  readonly labels: readonly string[]
  readonly comments: readonly string[]
}

export type PlanEvidence = {
  readonly outside: OutsideState
  readonly tasks: readonly Task[]
  readonly feedback: readonly FeedbackRow[]
  readonly events: readonly RecordedEvent[]
  readonly pullNumbers: readonly number[]
  readonly answered: readonly string[]
}

const OWN_LOGIN = 'devbot'
const REPLY_MARKER = /<!-- devbot:reply=(\S+) -->/g

/** Reads everything once, when all plans are through: what came late is seen, too. */
export async function readOutside(stack: Stack, names: readonly string[]): Promise<ReadonlyMap<string, PlanEvidence>> {
  const octokit = worldOf(stack).as('reviewer')
  const pulls = await octokit.paginate(octokit.pulls.list, { ...repository, state: 'all', per_page: 100 })
  const files = await readdir(stack.plansDirectory)
  const tasks = (await stack.ledger.listTasks(10_000)).map(({ task }) => task)
  const evidence = new Map<string, PlanEvidence>()
  await withClone(stack, async (git) => {
    const refs = (await git('for-each-ref', '--format=%(refname:lstrip=3)', 'refs/remotes/origin')).trim().split('\n')
    for (const name of names) {
      const own = tasks.filter((task) => task.planPath === `${name}.md`)
      const ids = new Set(own.map(({ id }) => String(id)))
      const plain = (text: string) => withoutParticulars(text, name)
      const branches = refs.filter((ref) => ref.startsWith(`agent/${name}-`))
      const ownPulls = pulls.filter(
        ({ head, body }) => branches.includes(head.ref) || ids.has(parsePullRequestMarker(body ?? '')?.taskId ?? ''),
      )
      const states = await Promise.all(ownPulls.map((pull) => pullState(octokit, pull, plain)))
      const details = await Promise.all(own.map(({ id }) => stack.ledger.details(id)))
      evidence.set(name, {
        outside: {
          branches: await Promise.all(
            branches.map(async (ref) => ({ name: plain(ref), commits: await commitsOf(git, ref, plain) })),
          ),
          pulls: states.map(({ state }) => ({ ...state, number: 0 })),
          files: await filesOf(stack.plansDirectory, files, name, plain),
          task: details.map((detail) => ({
            status: detail?.task.status,
            rounds: detail?.task.rounds,
            publication: detail?.task.publication,
            inbox: detail?.inboxCount,
            // DevBot's own replies come back by webhook, and may not have been dropped yet when the task ends.
            feedback: detail?.feedback
              .filter(({ item }) => item.author !== OWN_LOGIN)
              .map(({ item, state, round, decision, replyPosted }) =>
                [item.kind, item.author, state, round, decision, replyPosted].join(' '),
              )
              .sort(),
          })),
        },
        tasks: own,
        feedback: details.flatMap((detail) => detail?.feedback ?? []),
        events: (await Promise.all(own.map(({ id }) => allEvents(stack, id)))).flat(),
        pullNumbers: ownPulls.map(({ number }) => number),
        answered: states.flatMap(({ answered }) => answered),
      })
    }
  })
  return evidence
}

type Git = (...args: string[]) => Promise<string>
type Plain = (text: string) => string

async function commitsOf(git: Git, ref: string, plain: Plain): Promise<readonly Commit[]> {
  const log = await git('log', '--reverse', '-z', '--format=%T%n%an <%ae>%n%cn <%ce>%n%B', `origin/HEAD..origin/${ref}`)
  return log.split('\0').map((entry) => {
    const [tree = '', author = '', committer = '', ...message] = entry.trim().split('\n')
    return { tree, author, committer, message: plain(message.join('\n')) }
  })
}

type ListedPull = Awaited<ReturnType<Octokit['pulls']['list']>>['data'][number]

async function pullState(octokit: Octokit, pull: ListedPull, plain: Plain) {
  const issue = { ...repository, issue_number: pull.number, per_page: 100 }
  const conversation = await octokit.paginate(octokit.issues.listComments, issue)
  const inline = await octokit.paginate(octokit.pulls.listReviewComments, {
    ...repository,
    pull_number: pull.number,
    per_page: 100,
  })
  const said = [
    ...conversation.map(({ user, body }) => `${user?.login}: ${body}`),
    ...inline.map(({ user, body, path }) => `${user?.login} at ${path}: ${body}`),
  ]
  const answers = [...conversation, ...inline].sort((a, b) => a.created_at.localeCompare(b.created_at))
  const state: PullState = {
    number: pull.number,
    state: pull.state,
    draft: pull.draft ?? false,
    title: plain(pull.title),
    body: plain(pull.body ?? ''),
    base: pull.base.ref,
    reviewers: (pull.requested_reviewers ?? []).map(({ login }) => login),
    labels: pull.labels.map(({ name }) => name),
    comments: said.map(plain),
  }
  return {
    state,
    answered: answers.flatMap(({ body }) => [...(body ?? '').matchAll(REPLY_MARKER)].map((hit) => hit[1] ?? '')),
  }
}

async function filesOf(folder: string, files: readonly string[], name: string, plain: Plain) {
  const own = files.filter((file) => file.includes(name)).sort()
  const entries = own.map(async (file) => {
    const text = await readFile(join(folder, file), 'utf8')
    return [plain(file), plain(text)] as const
  })
  return Object.fromEntries(await Promise.all(entries))
}

async function allEvents(stack: Stack, id: Task['id']): Promise<readonly RecordedEvent[]> {
  const all: RecordedEvent[] = []
  for (;;) {
    const next = await stack.ledger.events(id, all.at(-1)?.id)
    all.push(...next)
    if (next.length === 0) return all
  }
}
