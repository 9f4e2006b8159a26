import type { DevBotError } from '@devbot/contracts'

/** Why a claim to be done is not believed yet. */
export type Problem = {
  /** Each subject has its own count of how often it went back to the agent. */
  readonly about: 'secrets' | 'size' | 'tests' | 'answers' | 'acceptance' | 'lint' | 'concerns' | 'self-review'
  readonly message: string
  readonly maxRejections: number
  /** What ends the run instead of the claim being taken as it is. */
  readonly neverAccepted?: DevBotError
}
