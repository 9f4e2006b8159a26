import { mkdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describeEvent, reportFileNameFor, type TaskId } from '@devbot/contracts'
import { Octokit } from '@octokit/rest'
import { z } from 'zod'
import { describeSandbox } from './describe-sandbox.ts'
import { cloneSummary } from './stack/clone-summary.ts'
import { reviewFile } from './stack/sample-history.ts'
import { REPOSITORY, type Stack, startStack } from './stack/start-stack.ts'
import { waitFor } from './stack/wait-for.ts'

const PLAN = '261122__PLAN__rounding-and-relative-times.md'
/** A round of the demo takes some seconds; this only ends a demo that hangs. */
const ROUND_TIMEOUT_MS = 180_000

const reviewSchema = z.object({
  body: z.string(),
  comments: z.array(z.object({ path: z.string(), line: z.number(), body: z.string() })),
})

export type Print = (line: string) => void

/**
 * The main job, without a key or an account: a plan goes in, a pull request comes out, a review is answered. Everything
 * is real but GitHub and the model, which are stand-ins on this machine. Returns once all of it was seen.
 */
export async function runDemo(options: {
  /** Ends the demo early; everything that was started is stopped. */
  readonly signal: AbortSignal
  readonly directory: string
  readonly print: Print
  /** Waits before everything is stopped; gets a command that works meanwhile. */
  readonly pause?: (command: string) => Promise<void>
}): Promise<void> {
  const { directory, print } = options
  const plansDirectory = join(directory, 'ai-docs')
  const logDirectory = join(directory, 'logs')
  for (const folder of [plansDirectory, logDirectory]) await rm(folder, { recursive: true, force: true })
  await mkdir(plansDirectory, { recursive: true })
  heading(print, 'Starting Redis, a local GitHub, a replayed model, watcher, ingress and worker')
  await using stack = await startStack({ plansDirectory, logDirectory })
  options.signal.throwIfAborted()
  options.signal.addEventListener('abort', () => void stack.stop())
  print(
    stack.sandbox.driver === 'docker'
      ? 'Sandboxes are containers; the worker reaches the Docker engine through docker-gate only.'
      : `No container engine is used (${stack.sandbox.reason}): the sandbox is the process driver, which does not isolate. Here it runs only the demo.`,
  )

  heading(print, `Dropping a plan: ${PLAN}`)
  await stack.dropPlan(PLAN)
  const taskId = await waitFor('the plan to be accepted', async () => (await stack.ledger.listTasks(1))[0]?.task.id, {
    everyMs: 20,
  })
  await using follower = followTask(stack, taskId, print)
  const [pullNumber] = await Promise.all([waitForStatus(stack, taskId, 0), showSandbox(stack, print)])
  await follower.caughtUp()

  heading(print, 'The pull request')
  const reviewer = githubAs(stack, 'reviewer')
  await showPullRequest(reviewer, pullNumber, print)

  heading(print, 'A reviewer asks for changes')
  const review = reviewSchema.parse(JSON.parse(await readFile(reviewFile, 'utf8')))
  print(`ada: ${review.body}`)
  for (const { path, line, body } of review.comments) print(`ada, ${path}:${line}: ${body}`)
  await reviewer.pulls.createReview({ ...repository(), pull_number: pullNumber, event: 'REQUEST_CHANGES', ...review })
  await waitForStatus(stack, taskId, 1)
  await follower.caughtUp()

  heading(print, 'What the reviewer sees now')
  await showReplies(reviewer, pullNumber, print)
  heading(print, 'A clone of the repository')
  print(await cloneSummary(stack))
  heading(print, `The report: ${join(plansDirectory, reportFileNameFor(PLAN))}`)
  print(await readFile(join(plansDirectory, reportFileNameFor(PLAN)), 'utf8'))
  await options.pause?.(`REDIS_URL=${stack.env.REDIS_URL} DEVBOT_INSTANCE=${stack.env.DEVBOT_INSTANCE} ./devbot tasks`)
}

/** One line on the first container, as the engine describes it. */
async function showSandbox({ sandbox, instance }: Stack, print: Print): Promise<void> {
  if (sandbox.driver === 'process') return
  const ask = () => describeSandbox(sandbox.engine, instance)
  // A task that fails early never has one; that is told elsewhere.
  const line = await waitFor('a sandbox', ask, { timeoutMs: 20_000 }).catch(() => undefined)
  if (line !== undefined) print(`          the engine says: ${line}`)
}

/** Waits until a round is delivered and its report written; gives the pull request's number. */
function waitForStatus(stack: Stack, taskId: TaskId, rounds: number): Promise<number> {
  return waitFor(
    `round ${rounds} to be delivered`,
    async () => {
      const details = await stack.ledger.details(taskId)
      if (details === undefined) return undefined
      const { status, statusReason, pullRequest, reportDue, publication } = details.task
      if (status !== 'ready' && status !== 'in-review')
        throw new Error(
          `the task is ${status}: ${statusReason ?? ''}; the logs are in ${dirname(stack.logFile('worker'))}`,
        )
      const delivered =
        status === 'in-review' && details.task.rounds >= rounds && !reportDue && publication === undefined
      return delivered ? pullRequest?.number : undefined
    },
    { timeoutMs: ROUND_TIMEOUT_MS },
  )
}

/** Prints a task's events as they come. */
function followTask(stack: Stack, taskId: TaskId, print: Print) {
  const startedAtMs = Date.now()
  let lastId: string | undefined
  const step = async () => {
    for (const { id, atMs, event } of await stack.ledger.events(taskId, lastId)) {
      lastId = id
      if (event.kind !== 'stage-start' || event.stage !== 'agent')
        print(`${((atMs - startedAtMs) / 1000).toFixed(1).padStart(6)} s  ${describeEvent(event)}`)
    }
  }
  let running = Promise.resolve()
  const timer = setInterval(() => {
    running = running.then(step)
  }, 200)
  return {
    caughtUp: async () => {
      running = running.then(step)
      await running
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer)
      await running
    },
  }
}

async function showPullRequest(github: Octokit, pullNumber: number, print: Print): Promise<void> {
  const { data: pull } = await github.pulls.get({ ...repository(), pull_number: pullNumber })
  print(
    `#${pull.number} ${pull.title}${pull.draft ? ' (draft)' : ''}: ${pull.head.ref} -> ${pull.base.ref}\n${pull.html_url}\n\n${pull.body ?? ''}\n`,
  )
  const { data: files } = await github.pulls.listFiles({ ...repository(), pull_number: pullNumber })
  for (const file of files)
    print(`--- ${file.filename} (${file.status}, +${file.additions} -${file.deletions})\n${file.patch ?? '(binary)'}`)
}

async function showReplies(github: Octokit, pullNumber: number, print: Print): Promise<void> {
  const { data: inline } = await github.pulls.listReviewComments({ ...repository(), pull_number: pullNumber })
  for (const comment of inline) print(`${comment.user?.login}, ${comment.path}: ${firstLines(comment.body)}`)
  const { data: conversation } = await github.issues.listComments({ ...repository(), issue_number: pullNumber })
  for (const comment of conversation) print(`${comment.user?.login}: ${firstLines(comment.body ?? '')}`)
}

function firstLines(text: string): string {
  return text.replace(/<!--[\s\S]*?-->/g, '').trim()
}

function githubAs(stack: Stack, who: 'reviewer' | 'outsider'): Octokit {
  return new Octokit({ baseUrl: stack.github.apiUrl, auth: stack.tokens[who] })
}

function repository(): { readonly owner: string; readonly repo: string } {
  const [owner = '', repo = ''] = REPOSITORY.split('/')
  return { owner, repo }
}

function heading(print: Print, text: string): void {
  print(`\n== ${text}\n`)
}
