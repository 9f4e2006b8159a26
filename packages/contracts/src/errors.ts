import type { ErrorCategory, ErrorEntry } from './error-catalogue/error-entry.ts'
import { type ErrorCode, errorEntry } from './error-catalogue.ts'

export type ErrorFacts = {
  readonly category: ErrorCategory
  /** Unique per cause; its entry in the catalogue says what it means and what happens next. */
  readonly code: ErrorCode
  /** For the operator: what was expected, what came, what to do. Never holds a secret. */
  readonly message: string
  readonly cause?: unknown
  /** How long the other side asked us to wait, in milliseconds. */
  readonly retryAfterMs?: number
  /** Small, printable facts; never secrets, never large text. */
  readonly details?: Readonly<Record<string, string | number | boolean>>
}

/** The one error class of DevBot. Vendor errors are translated into it once, at the edge where they enter. */
export class DevBotError extends Error {
  readonly category: ErrorCategory
  readonly code: ErrorCode
  readonly retryAfterMs: number | undefined
  readonly details: Readonly<Record<string, string | number | boolean>>

  constructor(facts: ErrorFacts) {
    super(facts.message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.name = 'DevBotError'
    this.category = facts.category
    this.code = facts.code
    this.retryAfterMs = facts.retryAfterMs
    this.details = facts.details ?? {}
  }
}

/**
 * What went wrong first. Leaving a block may fail as well (a sandbox that cannot be removed after a key was refused); what
 * is thrown then carries the first error inside, and that is the one people need.
 */
export function firstError(error: unknown): unknown {
  return error instanceof SuppressedError ? firstError(error.suppressed) : error
}

/** The category of anything thrown; what DevBot did not classify itself is a bug. */
export function categoryOf(error: unknown): ErrorCategory {
  return error instanceof DevBotError ? error.category : 'bug'
}

/** The catalogue's entry of anything thrown. */
export function entryOf(error: unknown): ErrorEntry {
  return errorEntry(error instanceof DevBotError ? error.code : 'bug')
}

/**
 * Whether DevBot tries again by itself after so many attempts in a row that ended in an error. An engine that is away
 * (`details.passing`) is waited for like any other system, whatever it was doing when it went.
 */
export function triesAgain(error: unknown, failedAttempts: number): boolean {
  const { retry, attempts = Number.POSITIVE_INFINITY } = entryOf(error)
  if (retry === 'person' || retry === 'never') return false
  return failedAttempts < attempts || (error instanceof DevBotError && error.details.passing === true)
}
