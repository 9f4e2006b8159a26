import type { ReplyUsage } from './reply.ts'

/** Entries kept of each kind; the oldest are dropped. */
const MAX_ENTRIES = 10_000

/** One request that was answered with a reply or a fault, in brief. */
export type RequestSummary = {
  readonly requestId: string
  readonly at: string
  readonly model: string
  /** Messages in the request. */
  readonly messages: number
  readonly tools: readonly string[]
  readonly stream: boolean
  readonly trajectory: string
  /** 1-based. */
  readonly turn: number
  /** What was played instead of the reply: `status 529`, `cut`, ... A delay is not told here, the reply came. */
  readonly fault?: string
  /** The tools the reply calls. */
  readonly calls: readonly string[]
  readonly usage?: ReplyUsage
}

/** One request that the API would have refused, or that no trajectory fits. */
export type Violation = {
  readonly requestId: string
  readonly at: string
  readonly status: number
  /** Stable name of the rule: `prefill`, `no-trajectory`, ... */
  readonly rule: string
  readonly message: string
}

export type Journal = {
  readonly addRequest: (request: RequestSummary) => void
  readonly addViolation: (violation: Violation) => void
  readonly requests: () => readonly RequestSummary[]
  readonly violations: () => readonly Violation[]
}

/** What happened so far, in memory and bounded. */
export function createJournal(): Journal {
  const requests: RequestSummary[] = []
  const violations: Violation[] = []
  return {
    addRequest: (request) => addBounded(requests, request),
    addViolation: (violation) => addBounded(violations, violation),
    requests: () => [...requests],
    violations: () => [...violations],
  }
}

function addBounded<T>(list: T[], entry: T): void {
  list.push(entry)
  if (list.length > MAX_ENTRIES) list.shift()
}
