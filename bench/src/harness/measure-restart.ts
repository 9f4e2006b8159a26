import { waitFor } from '@devbot/demo'
import { costOf, prefixBreaks } from './judge-requests.ts'
import { startMeasuredWorker, waitForPullRequest } from './measured-worker.ts'
import { startRecordedModel } from './recorded-model.ts'
import { harnessTrajectory } from './trajectory.ts'

/** The worker is killed while the model thinks about this turn. */
const KILLED_IN_TURN = 15
/** The killed worker's lease runs out first (20 s), then the run is played. */
const TIMEOUT_MS = 180_000

export type Restarted = {
  readonly prefixBreaks: number
  readonly requests: number
  readonly costIndex: number
}

/** One run whose worker is killed with SIGKILL in mid-run and started again: what that costs in requests and tokens. */
export async function measureRestart(): Promise<Restarted> {
  const model = await startRecordedModel([harnessTrajectory])
  try {
    await using worker = await startMeasuredWorker(model)
    const { stack } = worker
    model.holdAt(KILLED_IN_TURN, async () => {
      await stack.service('worker').kill()
      await stack.service('worker').start()
    })
    const task = await worker.submit('restart')
    await waitForPullRequest(stack, task, TIMEOUT_MS)
    await waitForRemoval(stack)
    const requests = model.seen().map(({ request }) => request)
    return {
      prefixBreaks: prefixBreaks(requests),
      requests: requests.length,
      costIndex: costOf(model.billed()).index,
    }
  } finally {
    await model.stop()
  }
}

/** The killed worker's sandboxes go when the new one looks for such: at the latest a period after the lease. */
async function waitForRemoval({ sandbox, instance }: Awaited<ReturnType<typeof startMeasuredWorker>>['stack']) {
  if (sandbox.driver !== 'docker') return
  await waitFor(
    "the killed worker's sandboxes to be removed",
    async () => (await sandbox.engine.thingsOf(instance)).length === 0,
    { timeoutMs: 90_000, everyMs: 500 },
  )
}
