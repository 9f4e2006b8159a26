import type { FeedbackRow, RecordedEvent, Task } from '@devbot/contracts'
import { taskEnded } from '@devbot/contracts'

/** What is known of one plan when all is over: from the ledger, from GitHub, and from the trace of the worker's calls. */
export type PlanHistory = {
  readonly planPath: string
  /** Every task of this plan. */
  readonly tasks: readonly Task[]
  readonly feedback: readonly FeedbackRow[]
  readonly events: readonly RecordedEvent[]
  readonly pullNumbers: readonly number[]
  /** Feedback items that were submitted, oldest first. */
  readonly submitted: readonly string[]
  /** Feedback items of the answers on GitHub, by their markers, oldest first. */
  readonly answered: readonly string[]
  /** Epochs in the order of the calls that were made in them. */
  readonly epochs: readonly number[]
}

/** What is wrong with a history, in sentences; empty when nothing is. */
export function checkHistory(history: PlanHistory): readonly string[] {
  return [
    ...oneEnding(history),
    ...onePullRequest(history),
    ...feedbackOnceAndInOrder(history),
    ...epochsGoOn(history),
    ...nothingAfterTheEnding(history),
  ]
}

/** Plans in = endings out. */
export function oneEnding({ tasks }: Pick<PlanHistory, 'tasks'>): readonly string[] {
  const [task, ...more] = tasks
  if (task === undefined) return ['the plan has no task']
  if (more.length > 0) return [`the plan has ${tasks.length} tasks: ${tasks.map(({ id }) => id).join(', ')}`]
  return taskEnded(task) ? [] : [`the task has not ended, it is ${task.status}`]
}

export function onePullRequest({ pullNumbers }: Pick<PlanHistory, 'pullNumbers'>): readonly string[] {
  return pullNumbers.length === 1
    ? []
    : [`expected one pull request, got ${pullNumbers.length}: ${pullNumbers.join(', ')}`]
}

/** Every item is in one round, rounds follow the order in which people wrote, and each has exactly one answer, in that order. */
export function feedbackOnceAndInOrder({
  submitted,
  answered,
  feedback,
}: Pick<PlanHistory, 'submitted' | 'answered' | 'feedback'>): readonly string[] {
  const rows = submitted.map((id) => feedback.filter(({ item }) => item.id === id))
  const problems = submitted.flatMap((id, index) => {
    const [row, ...more] = rows[index] ?? []
    if (row === undefined) return [`the feedback item ${id} is not in the ledger`]
    if (more.length > 0) return [`the feedback item ${id} is in the ledger ${more.length + 1} times`]
    return row.state === 'answered' && row.round !== undefined ? [] : [`the feedback item ${id} was not worked off`]
  })
  const rounds = rows.map(([row]) => row?.round ?? Number.POSITIVE_INFINITY)
  if (problems.length === 0 && !isAscending(rounds))
    problems.push(`feedback was worked off out of order, in the rounds ${rounds.join(', ')}`)
  for (const id of new Set([...submitted, ...answered])) {
    const times = answered.filter((other) => other === id).length
    if (times !== 1 || !submitted.includes(id)) problems.push(`the feedback item ${id} has ${times} answers on GitHub`)
  }
  return problems
}

/** Nobody acts in the name of an owner that was replaced. */
export function epochsGoOn({ epochs }: Pick<PlanHistory, 'epochs'>): readonly string[] {
  return isAscending(epochs) ? [] : [`epochs of effects went back: ${[...dropRepeats(epochs)].join(', ')}`]
}

/** After the ending only the report follows. */
export function nothingAfterTheEnding({ events }: Pick<PlanHistory, 'events'>): readonly string[] {
  const ending = events.findLastIndex(({ event }) => event.kind === 'status-changed' && isEnding(event.status))
  if (ending === -1) return ['no event tells of the ending']
  const after = events.slice(ending + 1).filter(({ event }) => event.kind !== 'report-written')
  return after.length === 0 ? [] : [`after the ending there are ${after.map(({ event }) => event.kind).join(', ')}`]
}

function isEnding(status: string): boolean {
  return ['merged', 'closed', 'cancelled', 'no-change', 'given-up'].includes(status)
}

function isAscending(numbers: readonly number[]): boolean {
  return numbers.every((number, index) => index === 0 || number >= (numbers[index - 1] ?? number))
}

function dropRepeats(numbers: readonly number[]): readonly number[] {
  return numbers.filter((number, index) => index === 0 || number !== numbers[index - 1])
}
