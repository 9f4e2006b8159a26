import type { Logger } from '@devbot/config'
import type { Refusal } from './judge-destination.ts'
import type { Way } from './open-destination.ts'

/** What the handling of one pod's connections works with. */
export type PodContext = {
  readonly way: Way
  /** Logs and counts a refusal. `host` is hostile text; port 0 where none could be read. */
  readonly refuse: (target: { readonly host: string; readonly port: number }, refusal: Refusal) => void
  /** Logs that an allowed destination could not be reached. */
  readonly fail: (problem: string) => void
  /** Carries task, run and purpose. */
  readonly log: Logger
}
