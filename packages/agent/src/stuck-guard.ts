import { createHash } from 'node:crypto'
import type { ToolAnswer } from './tool-protocol.ts'

/** The same calls with the same results, over and over: so many rounds of a circle are no progress. */
const ROUNDS = 3
/** The longest circle that is looked for, in calls. */
const LONGEST_CIRCLE = 4
/** The same call in a row whose results differ in times only: a test run again and again, where nothing is changed. */
const SAME_BUT_TIMES_LIMIT = 8
/** The same error from a tool this often in a row, whatever the input. */
const SAME_ERROR_LIMIT = 5
const STEPS_KEPT = Math.max(ROUNDS * LONGEST_CIRCLE, SAME_BUT_TIMES_LIMIT, SAME_ERROR_LIMIT)

/** Times of day, dates, durations, process ids in the words runners use for them. */
const TIMES =
  /\d{4}-\d\d-\d\d[T ][\d:.]+Z?|\d{1,2}:\d\d:\d\d(?:\.\d+)?|(?:duration(?:_ms)?|pid|took)\W{0,3}\d[\d.]*|\d[\d.]*\s?(?:ms|s|sec|secs|seconds|m|min|minutes)\b/gi

type Step = {
  readonly tool: string
  readonly exact: string
  readonly butTimes: string
  readonly error: string | undefined
}

/** Notices an agent that goes in circles. `note` takes each turn's answers and gives the reason once it does. */
export function createStuckGuard() {
  const steps: Step[] = []
  return {
    note(answers: readonly ToolAnswer[]): string | undefined {
      for (const answer of answers) {
        steps.push(stepOf(answer))
        if (steps.length > STEPS_KEPT) steps.shift()
        const reason = circleIn(steps)
        if (reason !== undefined) return reason
      }
      return undefined
    },
  }
}

function stepOf({ call, isError, text }: ToolAnswer): Step {
  return {
    tool: call.name,
    exact: digest([call.name, call.input, isError, text]),
    butTimes: digest([call.name, call.input, isError, text.replace(TIMES, '#')]),
    error: isError ? digest([call.name, text]) : undefined,
  }
}

function circleIn(steps: readonly Step[]): string | undefined {
  const last = steps.at(-1)
  if (last === undefined) return undefined
  for (let length = 1; length <= LONGEST_CIRCLE; length += 1) {
    const newest = steps.slice(-length * ROUNDS)
    if (newest.length < length * ROUNDS) break
    if (newest.every((step, index) => step.exact === newest[index % length]?.exact)) {
      return circleText(newest.slice(0, length))
    }
  }
  if (endsWithSame(steps, SAME_ERROR_LIMIT, (step) => step.error)) {
    return `the tool ${last.tool} gave the same error ${SAME_ERROR_LIMIT} times in a row`
  }
  if (endsWithSame(steps, SAME_BUT_TIMES_LIMIT, (step) => step.butTimes)) {
    return `the same ${last.tool} call gave the same result but for its times ${SAME_BUT_TIMES_LIMIT} times in a row`
  }
  return undefined
}

function circleText(circle: readonly Step[]): string {
  const tools = circle.map((step) => step.tool).join(', ')
  if (circle.length === 1) return `the same ${tools} call gave the same result ${ROUNDS} times in a row`
  if (circle.length === 2) return `the same two calls (${tools}) took turns ${ROUNDS} times with the same results`
  return `the same ${circle.length} calls (${tools}) came round ${ROUNDS} times with the same results`
}

function endsWithSame(steps: readonly Step[], amount: number, of: (step: Step) => string | undefined): boolean {
  const newest = steps.slice(-amount)
  const [first] = newest
  const value = first && of(first)
  return newest.length === amount && value !== undefined && newest.every((step) => of(step) === value)
}

/** Keys in one order, so that the same input written differently is the same call. */
function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value, sortedKeys)).digest('base64')
}

function sortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
