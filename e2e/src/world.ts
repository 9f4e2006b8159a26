import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CheckResult, reportFileNameFor, type Task, type TaskStatus } from '@devbot/contracts'
import { type PEOPLE, REPOSITORY, type Stack, waitFor, withClone } from '@devbot/demo'
import { Octokit } from '@octokit/rest'

const [owner = '', repo = ''] = REPOSITORY.split('/')
export const repository = { owner, repo }

/** What a person outside sees of the system: files, refs, pull requests, comments, and the ledger's word on a task. */
export function worldOf(stack: Stack) {
  const as = (who: keyof typeof PEOPLE) => new Octokit({ baseUrl: stack.github.apiUrl, auth: stack.tokens[who] })
  const tasks = async () => (await stack.ledger.listTasks(1000)).map(({ task }) => task)
  const taskOf = async (planPath: string) => (await tasks()).find((task) => task.planPath === planPath)
  /** For the message of a test that waited in vain: how the runs went, and what the replayed model refused. */
  const howItStands = async (planPath: string) => {
    const task = await taskOf(planPath)
    const runs = task === undefined ? [] : ((await stack.ledger.details(task.id))?.runs ?? [])
    const endOf = (check: CheckResult | undefined) => check && { ...check, output: check.output.slice(-1500) }
    return {
      task,
      runs: runs.map((run) => ({
        outcome: run.outcome,
        notes: run.notes,
        baseline: endOf(run.baseline),
        verification: endOf(run.verification),
      })),
      refusedByModel: stack.model.violations().slice(-3),
    }
  }
  const until = (planPath: string, what: string, holds: (task: Task) => boolean, timeoutMs = 150_000) =>
    waitFor(
      `${planPath}: ${what}`,
      async () => {
        const task = await taskOf(planPath)
        return task !== undefined && holds(task) ? task : undefined
      },
      { timeoutMs, otherwise: () => howItStands(planPath) },
    )
  return {
    as,
    tasks,
    taskOf,
    until,
    /** The task has come to this status, and its report says so. */
    settled: (planPath: string, status: TaskStatus, timeoutMs?: number) =>
      until(
        planPath,
        `to be ${status}`,
        (task) => task.status === status && !task.reportDue && task.publication === undefined,
        timeoutMs,
      ),
    /** A feedback round was delivered. */
    roundDone: (planPath: string, rounds: number) =>
      until(
        planPath,
        `round ${rounds}`,
        (task) => task.rounds >= rounds && !task.reportDue && task.publication === undefined,
      ),
    writePlan: (name: string, text: string) => writeFile(join(stack.plansDirectory, name), text),
    report: (planPath: string) => readFile(join(stack.plansDirectory, reportFileNameFor(planPath)), 'utf8'),
    pulls: async () => (await as('reviewer').pulls.list({ ...repository, state: 'all', per_page: 100 })).data,
    /** Branches and what they point at, from a fresh clone. */
    branches: () =>
      withClone(stack, async (git) => {
        const lines = (await git('for-each-ref', '--format=%(refname:lstrip=3) %(objectname)', 'refs/remotes/origin'))
          .trim()
          .split('\n')
        return new Map(lines.map((line) => line.split(' ') as [string, string]).filter(([name]) => name !== 'HEAD'))
      }),
    /** `git diff --name-status` of a branch against the default branch, as git prints it. */
    nameStatus: (branch: string) =>
      withClone(stack, async (git) =>
        (await git('-c', 'core.quotePath=false', 'diff', '--name-status', `origin/HEAD...origin/${branch}`))
          .trim()
          .split('\n'),
      ),
    commits: (branch: string) =>
      withClone(stack, async (git) =>
        (await git('log', '--format=%H %an %s', `origin/HEAD..origin/${branch}`)).trim().split('\n'),
      ),
    /** A person's commit on a branch, pushed with git. */
    pushCommit: (branch: string, path: string, text: string, message: string) =>
      withClone(stack, async (git, folder) => {
        await git('checkout', '--quiet', branch)
        await writeFile(join(folder, path), text)
        await git('add', path)
        await git('-c', 'user.name=ada', '-c', 'user.email=ada@timespan.example', 'commit', '--quiet', '-m', message)
        await git('push', '--quiet', 'origin', branch)
      }),
    show: (branch: string, path: string) => withClone(stack, (git) => git('show', `origin/${branch}:${path}`)),
    requestChanges: (
      who: 'reviewer' | 'outsider',
      pullNumber: number,
      body: string,
      comments: readonly { path: string; line: number; body: string }[] = [],
    ) =>
      as(who).pulls.createReview({
        ...repository,
        pull_number: pullNumber,
        event: 'REQUEST_CHANGES',
        body,
        comments: [...comments],
      }),
  }
}
