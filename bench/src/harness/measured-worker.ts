import { join } from 'node:path'
import type { Task } from '@devbot/contracts'
import { type Stack, startStack, waitFor } from '@devbot/demo'
import { makeDataDirectory } from '../processes/data-directory.ts'
import { submitPlan } from '../processes/submit-task.ts'
import { disposeWhenInterrupted } from '../processes/when-interrupted.ts'
import { composedEnvironment, composedNodeOptions, warmCompileCache } from '../processes/worker-as-composed.ts'
import { planText } from './trajectory.ts'

export type MeasuredWorker = AsyncDisposable & {
  readonly stack: Stack
  /** Hands in a plan; the harness's own one when no text is given. */
  readonly submit: (run: string, text?: string) => Promise<Task>
}

/** The real worker, its Redis and its gate, with sandboxes in containers and a model that is given. */
export async function startMeasuredWorker(
  model: { readonly url: string; readonly apiKey: string },
  env: Readonly<Record<string, string>> = {},
): Promise<MeasuredWorker> {
  const parts = new AsyncDisposableStack()
  disposeWhenInterrupted(parts)
  try {
    const data = parts.use(await makeDataDirectory())
    const compileCache = join(data.path, 'compile-cache')
    await warmCompileCache(compileCache)
    const stack = parts.use(
      await startStack({
        without: ['watcher', 'webhook-ingress'],
        webhooks: false,
        sandbox: 'docker',
        trajectories: [],
        nodeOptions: { worker: await composedNodeOptions() },
        env: {
          ANTHROPIC_BASE_URL: model.url,
          ANTHROPIC_API_KEY: model.apiKey,
          DEVBOT_DATA_DIR: data.path,
          // One more request, of a conversation of its own; the floors have no such thing.
          SELF_REVIEW: 'false',
          ...composedEnvironment(compileCache),
          ...env,
        },
      }),
    )
    return {
      stack,
      submit: (run, text = planText(run)) =>
        submitPlan(
          { ledger: stack.ledger, redisUrl: stack.redis.url, instance: stack.instance },
          // The suite's own time is no part of what is measured; the agent runs tests itself.
          { name: run, text: `---\ntest: node -e 0\n---\n\n${text}` },
        ),
      [Symbol.asyncDispose]: () => parts.disposeAsync(),
    }
  } catch (error) {
    await parts.disposeAsync()
    throw error
  }
}

/** Waits until the worker's own run of the tests before the change is over: it is made ready beside the first turns. */
export function waitForBaseline({ ledger }: Stack, task: Task): Promise<true> {
  return waitFor('the baseline to be over', async () => {
    const ended = (await ledger.events(task.id)).some(
      ({ event }) => event.kind === 'stage-end' && event.stage === 'baseline',
    )
    return ended ? true : undefined
  })
}

/** Waits for the task's end; a task that did not come to a pull request measured something else. */
export async function waitForPullRequest({ ledger }: Stack, task: Task, timeoutMs = 120_000): Promise<void> {
  const ended = await waitFor(
    `the task ${task.planPath} to have its pull request`,
    async () => {
      const details = await ledger.details(task.id)
      if (details === undefined) return undefined
      const { status, endedAtMs } = details.task
      return status === 'in-review' || status === 'held' || endedAtMs !== undefined ? details.task : undefined
    },
    { timeoutMs, everyMs: 100, otherwise: async () => (await ledger.details(task.id))?.task },
  )
  if (ended.status === 'in-review') return
  throw new Error(`expected a pull request, the task is ${ended.status}: ${ended.statusReason}`)
}
