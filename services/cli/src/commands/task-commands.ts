import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkPassed, describeEvent, statusCodeOf, type Task, type TaskProgress, taskEnded } from '@devbot/contracts'
import type { TaskDetails } from '@devbot/queue'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { dollars, duration, type Output, table } from '../output.ts'
import { explanationLines } from './explain.ts'
import { describePause } from './pause-commands.ts'
import { parseTaskId, unknownTask, withLedger, withLedgerAndQueue } from './with-ledger.ts'

const MAX_LISTED_TASKS = 1000
const SHOWN_EVENTS = 15
const FOLLOW_MS = 500

/** `tasks`: newest first, with what each is doing now. */
export async function listTasks(output: Output): Promise<ExitCode> {
  const { tasks, pause } = await withLedger(async (ledger) => ({
    tasks: await ledger.listTasks(MAX_LISTED_TASKS),
    pause: await ledger.pause(),
  }))
  const paused = pause === undefined ? '' : `${describePause(pause)}; go on with: devbot resume --all\n`
  output.answer(
    tasks,
    () =>
      `${paused}${
        tasks.length === 0
          ? 'no tasks yet: drop a plan into the plan folder, or say devbot submit <plan.md>'
          : table(['task', 'status', 'doing', 'cost', 'pull request', 'title'], tasks.map(taskRow))
      }`,
  )
  return tasks.some(({ task }) => task.status === 'held') ? EXIT.needsPerson : EXIT.done
}

function taskRow({ task, progress }: { readonly task: Task; readonly progress?: TaskProgress }): readonly string[] {
  return [
    task.id,
    task.status,
    doing(task, progress),
    dollars(costOf(task, progress)),
    task.pullRequest?.url ?? '-',
    task.title,
  ]
}

/** The sum of the ended runs, and what the one under way has cost so far. */
function costOf(task: Task, progress: TaskProgress | undefined): number {
  const running = progress !== undefined && progress.stage !== 'ended' && !taskEnded(task)
  return task.costMicroUsd + (running ? progress.costMicroUsd : 0)
}

/** What a task is doing, in a few words: stage, turn, last tool, elapsed. */
function doing(task: Task, progress: TaskProgress | undefined): string {
  if (task.pausedBy !== undefined) return 'paused: devbot resume'
  if (task.status === 'held') return 'waits for you: devbot start'
  if (taskEnded(task)) return '-'
  if (progress === undefined) return 'waits for a worker'
  if (progress.stage === 'ended') return task.status === 'in-review' ? 'waits for a review' : 'goes on in a moment'
  const tool = progress.lastTool === undefined ? '' : `, ${progress.lastTool.slice(0, 40)}`
  return `${progress.runKind} ${progress.stage}, turn ${progress.turn}${tool}, ${duration(progress.updatedAtMs - progress.startedAtMs)}`
}

/** `show <task>`: everything about one task. */
export async function showTask(output: Output, id: string): Promise<ExitCode> {
  const taskId = parseTaskId(id)
  const { details, events } = await withLedger(async (ledger) => ({
    details: await ledger.details(taskId),
    events: await ledger.events(taskId),
  }))
  if (details === undefined) return unknownTask(taskId)
  const newest = events.slice(-SHOWN_EVENTS)
  output.answer({ ...details, events: newest }, () =>
    [...taskLines(details), ...newest.map(({ atMs, event }) => `  ${iso(atMs)}  ${describeEvent(event)}`)].join('\n'),
  )
  return details.task.status === 'held' ? EXIT.needsPerson : EXIT.done
}

function taskLines({ task, progress, runs, feedback, inboxCount, due }: TaskDetails): readonly string[] {
  return [
    `${task.id}  ${task.title}`,
    `  status        ${task.status}${task.statusReason === undefined ? '' : `: ${task.statusReason}`}`,
    ...explanationOf(task),
    `  plan          ${task.planPath} (${task.priority}, revision ${task.planHash.slice(0, 12)})`,
    `  branch        ${task.branch}${task.headCommitId === undefined ? '' : ` at ${task.headCommitId.slice(0, 12)}`}`,
    `  pull request  ${task.pullRequest === undefined ? 'none yet' : `${task.pullRequest.url}${task.pullRequest.draft ? ' (draft)' : ''}`}`,
    ...(progress === undefined
      ? []
      : [`  doing         ${doing(task, progress)}, ${dollars(progress.costMicroUsd)} so far`]),
    `  spent         ${dollars(runs.reduce((sum, run) => sum + run.costMicroUsd, 0))} in ${runs.length} runs, ${task.rounds} feedback rounds`,
    ...runs.map(
      (run) =>
        `  run           ${run.kind}: ${run.outcome?.kind ?? 'under way'}, ${run.turns} turns${testsOf(run.verification)}`,
    ),
    ...feedback.map(
      (row) =>
        `  feedback      ${row.item.author}: ${row.decision ?? row.state}${row.reason === undefined ? '' : ` (${row.reason})`}`,
    ),
    ...(inboxCount > 0 ? [`  inbox         ${inboxCount} waiting`] : []),
    ...(due === undefined ? [] : [`  next look     ${iso(due.atMs)} (${due.reason})`]),
  ]
}

/** What the catalogue says of the error behind the status. */
function explanationOf(task: Task): readonly string[] {
  const code = statusCodeOf(task)
  return code === undefined ? [] : explanationLines(code)
}

function testsOf(check: Parameters<typeof checkPassed>[0] | undefined): string {
  return check === undefined ? '' : `, tests ${checkPassed(check) ? 'pass' : 'fail'}`
}

/** `logs <task> [-f]`: what happened, oldest first; with `follow` until the task rests. */
export async function showLogs(output: Output, id: string, follow: boolean): Promise<ExitCode> {
  const taskId = parseTaskId(id)
  return withLedger(async (ledger) => {
    let lastId: string | undefined
    for (;;) {
      const events = await ledger.events(taskId, lastId)
      for (const recorded of events)
        output.line(recorded, () => `${iso(recorded.atMs)}  ${describeEvent(recorded.event)}`)
      lastId = events.at(-1)?.id ?? lastId
      const details = await ledger.details(taskId)
      if (details === undefined) return unknownTask(taskId)
      if (!follow && events.length === 0) return EXIT.done
      if (follow && events.length === 0 && taskEnded(details.task)) return EXIT.done
      if (events.length === 0) await sleep(FOLLOW_MS)
    }
  })
}

/** `start <task>` or `start --all`: lets held tasks go on. */
export async function startTasks(output: Output, id: string | undefined): Promise<ExitCode> {
  const wanted = id === undefined ? undefined : parseTaskId(id)
  return withLedgerAndQueue(async (ledger, queue) => {
    const tasks = (await ledger.listTasks(MAX_LISTED_TASKS)).map(({ task }) => task)
    if (wanted !== undefined && !tasks.some((task) => task.id === wanted)) return unknownTask(wanted)
    const held = tasks.filter((task) => task.status === 'held' && (wanted === undefined || task.id === wanted))
    for (const { id: taskId } of held) {
      await ledger.addToInbox(taskId, { kind: 'start-requested', id: `start-${randomUUID()}` })
      await queue.wake(taskId, 'start-requested')
    }
    output.answer({ started: held.map((task) => task.id) }, () =>
      held.length === 0 ? 'nothing was held' : held.map((task) => `started ${task.id}  ${task.title}`).join('\n'),
    )
    return EXIT.done
  })
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
