/**
 * What kind of trouble an error is. Code decides by its code's entry in the catalogue, or by this where many codes
 * mean the same; nothing in DevBot reads an error's text to find out.
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

export type RetryRule =
  /** Another look at once: nothing failed, something else comes first. */
  | 'at-once'
  /** After a pause that doubles, with jitter. */
  | 'backoff'
  /** After the wait that the other side named; where it named none, like `backoff`. */
  | 'asked-wait'
  /** The task is held until a person has mended it and says `devbot start`. */
  | 'person'
  /** It is an answer, or the end of a run; nothing is tried again. */
  | 'never'

/** What people are told of an error code, and what DevBot does about it. */
export type ErrorEntry = {
  readonly category: ErrorCategory
  /** One sentence. */
  readonly cause: string
  /** What to do; begins with "Nothing" where DevBot helps itself. */
  readonly remedy: string
  readonly retry: RetryRule
  /** Attempts in a row that may end like this before a person is asked; absent: `MAX_FAILED_ATTEMPTS`. */
  readonly attempts?: number
}
