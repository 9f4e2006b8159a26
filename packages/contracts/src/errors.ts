/**
 * What kind of trouble an error is. The category alone decides what happens next (retry, stop, tell a person);
 * nothing in DevBot reads an error's text to find out.
 */
export type ErrorCategory =
  | 'invalid-input'
  | 'config'
  | 'transient'
  | 'sandbox'
  | 'conflict'
  | 'permission'
  | 'cancelled'
  | 'bug'

export type ErrorFacts = {
  readonly category: ErrorCategory
  /** Stable, kebab-case, unique per cause: `git-push-rejected`. */
  readonly code: string
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
  readonly code: string
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

/** The category of anything thrown; what DevBot did not classify itself is a bug. */
export function categoryOf(error: unknown): ErrorCategory {
  return error instanceof DevBotError ? error.category : 'bug'
}
