import { execFileSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Task } from '@devbot/contracts'
import { dumpLedger, type Stack, startStack, waitFor } from '@devbot/demo'
import { repository, worldOf } from './world.ts'

/**
 * Records the ledger of a stack whose worker was killed while tasks stood everywhere a task can stand, as a file for
 * the tests that read ledgers of earlier versions: `node e2e/src/record-ledger.ts`. Once per change of what records hold.
 */
const ROUNDING = '261122__PLAN__rounding-and-relative-times.md'
const ISO_WEEKS = '261122__PLAN__iso-weeks.md'
const review = JSON.parse(await readFile(fileURLToPath(new URL('../../demo/review.json', import.meta.url)), 'utf8'))
const commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim()

await using stack = await startStack({ sandbox: 'process', env: { RECONCILE_SECONDS: '600' } })
const world = worldOf(stack)
await ended()
await inReview()
await underWay()
await waitingInInboxes()
await writeRecording(stack)

function plan(title: string, keys: string, replay: string): string {
  return `---\ntitle: ${title}\ntest: node --version\n${keys}---\n# ${title}\n\nreplay: ${replay}\n`
}

async function close(planPath: string, how: 'close' | 'merge'): Promise<void> {
  const { pullRequest } = await world.settled(planPath, 'in-review')
  const pull_number = pullRequest?.number ?? 0
  const { pulls } = world.as('reviewer')
  if (how === 'merge') await pulls.merge({ ...repository, pull_number })
  else await pulls.update({ ...repository, pull_number, state: 'closed' })
  await world.settled(planPath, how === 'merge' ? 'merged' : 'closed')
}

async function ended(): Promise<void> {
  await stack.dropPlan(ISO_WEEKS)
  await world.settled(ISO_WEEKS, 'no-change')
  await world.writePlan('gives-up.md', plan('Gives up', '', 'loop'))
  await world.settled('gives-up.md', 'given-up')
  await world.writePlan('cancelled.md', plan('Cancelled', '', 'slow'))
  await inTurn('cancelled.md', 2)
  await world.writePlan('cancelled.md', plan('Cancelled', 'status: cancelled\n', 'slow'))
  await world.settled('cancelled.md', 'cancelled')
  await world.writePlan('held.md', plan('Held', 'base: not-there\n', 'slow'))
  await world.settled('held.md', 'held')
  await world.writePlan('closed.md', plan('To close', '', 'rename-delete-binary'))
  await close('closed.md', 'close')
}

async function inReview(): Promise<void> {
  await stack.dropPlan(ROUNDING)
  const { pullRequest } = await world.settled(ROUNDING, 'in-review')
  await world.requestChanges('reviewer', pullRequest?.number ?? 0, review.body, review.comments)
  await world.roundDone(ROUNDING, 1)
  await world.writePlan(
    'merged.md',
    "---\ntest: node --version\n---\nCreate a file named hello.txt with content 'world'\n",
  )
  await close('merged.md', 'merge')
}

/** One task in the middle of a run, one that has announced its push: the worker is killed. */
async function underWay(): Promise<void> {
  await world.writePlan('slow.md', plan('Slow', '', 'slow'))
  await inTurn('slow.md', 4)
  stack.github.addFault({
    match: { method: 'POST', pathPattern: '/git-receive-pack$' },
    action: 'delay',
    delayMs: 20_000,
  })
  await world.writePlan('announced.md', plan('Announced', '', 'rename-delete-binary'))
  await world.until('announced.md', 'to have announced its push', (task: Task) => task.publication !== undefined)
  await stack.service('worker').kill()
  stack.github.clearFaults()
}

/** What came while no worker was there. */
async function waitingInInboxes(): Promise<void> {
  const task = await world.taskOf(ROUNDING)
  const { id, pullRequest } = task ?? {}
  if (id === undefined || pullRequest === undefined) throw new Error('the first task is gone')
  await world.requestChanges('reviewer', pullRequest.number, 'One more thing: name the unit in the README.')
  await world.writePlan('held.md', plan('Held', 'base: main\n', 'slow'))
  await world.writePlan('not-begun.md', plan('Not begun', 'priority: high\n', 'slow'))
  await waitFor('the feedback to wait', async () => ((await stack.ledger.details(id))?.inboxCount ?? 0) > 0)
  await waitFor('the plan to be accepted', async () => (await world.taskOf('not-begun.md')) !== undefined)
  await waitFor('the edit to wait', async () => {
    const held = await world.taskOf('held.md')
    return held !== undefined && ((await stack.ledger.details(held.id))?.inboxCount ?? 0) > 0
  })
}

async function inTurn(planPath: string, turn: number): Promise<void> {
  await waitFor(`${planPath} to be in turn ${turn}`, async () =>
    (await stack.ledger.listTasks(50)).some(
      ({ task, progress }) => task.planPath === planPath && (progress?.turn ?? 0) >= turn,
    ),
  )
}

async function writeRecording({ redis, instance, directory, env, tokens, webhookSecret }: Stack): Promise<void> {
  const keys = await dumpLedger(redis.url, instance)
  // One key a line, so that a difference between two recordings can be read.
  const lines = Object.entries(keys).map(([key, recorded]) => `${JSON.stringify(key)}: ${JSON.stringify(recorded)}`)
  const recordedAt = new Date().toISOString()
  const text = `{"commit": "${commit}", "recordedAt": "${recordedAt}", "keys": {\n${lines.join(',\n')}\n}}\n`
    .replaceAll(directory, '/stack')
    .replaceAll(hostname(), 'worker-host')
    .replaceAll(instance, 'recorded')
  const secrets = [...Object.values(tokens), webhookSecret, env.ANTHROPIC_API_KEY ?? '']
  if (secrets.some((secret) => text.includes(secret))) throw new Error('the recording holds a secret')
  const file = new URL(`../../packages/queue/fixtures/ledgers/${commit.slice(0, 7)}.json`, import.meta.url)
  await writeFile(file, text)
  process.stdout.write(`${fileURLToPath(file)}: ${text.length} bytes, ${Object.keys(keys).length} keys\n`)
}
