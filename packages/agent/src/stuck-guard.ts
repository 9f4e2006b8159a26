import { createHash } from 'node:crypto'
import type { ToolAnswer } from './tool-protocol.ts'

/** The same call with the same result this often in a row is no progress. */
const SAME_CALL_LIMIT = 3
/** Two calls taking turns this often, each always with the same result. */
const PAIR_LIMIT = 3
/** The same error from a tool this often in a row, whatever the input. */
const SAME_ERROR_LIMIT = 5

type Step = { readonly tool: string; readonly call: string; readonly error: string | undefined }

/** Notices an agent that goes in circles. `note` takes each turn's answers and gives the reason once it does. */
export function createStuckGuard() {
  const steps: Step[] = []
  return {
    note(answers: readonly ToolAnswer[]): string | undefined {
      for (const answer of answers) {
        steps.push(stepOf(answer))
        if (steps.length > Math.max(SAME_CALL_LIMIT, PAIR_LIMIT * 2, SAME_ERROR_LIMIT)) steps.shift()
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
    call: digest([call.name, call.input, isError, text]),
    error: isError ? digest([call.name, text]) : undefined,
  }
}

function circleIn(steps: readonly Step[]): string | undefined {
  const last = steps.at(-1)
  if (last === undefined) return undefined
  const newest = (amount: number) => (steps.length < amount ? [] : steps.slice(-amount))

  const same = newest(SAME_CALL_LIMIT)
  if (same.length > 0 && same.every((step) => step.call === last.call)) {
    return `the same ${last.tool} call gave the same result ${SAME_CALL_LIMIT} times in a row`
  }
  const errors = newest(SAME_ERROR_LIMIT)
  if (errors.length > 0 && last.error !== undefined && errors.every((step) => step.error === last.error)) {
    return `the tool ${last.tool} gave the same error ${SAME_ERROR_LIMIT} times in a row`
  }
  const pairs = newest(PAIR_LIMIT * 2)
  if (pairs.length > 0 && pairs.every((step, index) => step.call === pairs[index % 2]?.call)) {
    return `the same two calls (${pairs[0]?.tool}, ${pairs[1]?.tool}) took turns ${PAIR_LIMIT} times with the same results`
  }
  return undefined
}

/** Keys in one order, so that the same input written differently is the same call. */
function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value, sortedKeys)).digest('base64')
}

function sortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
