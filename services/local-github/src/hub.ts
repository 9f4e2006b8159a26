import type { Emulator } from './emulator.ts'
import type { Identities } from './identities.ts'
import type { Log } from './log.ts'
import type { Repositories } from './repositories.ts'
import type { Addresses } from './rest/normalise-json.ts'
import type { Deliveries } from './webhooks/deliveries.ts'

/** The parts every request handler works with. */
export type Hub = {
  readonly addresses: Addresses
  readonly emulator: Emulator
  readonly repositories: Repositories
  readonly identities: Identities
  readonly deliveries: Deliveries
  readonly dataDirectory: string
  readonly log: Log
  /** Aborted when the service stops: whatever still runs ends. */
  readonly stopped: AbortSignal
}
