import type { NetworkRefusal } from '@devbot/contracts'

/** The driver's view of the egress-proxy: a pod has a way out as long as its lease is kept. */
export interface EgressClient {
  /**
   * Makes the pod's socket and keeps its lease until closed. Throws DevBotError `sandbox`: `egress-unavailable` when the
   * proxy does not answer, `egress-entry-invalid` when it cannot read one of `allow`.
   */
  open(podId: string, owner: EgressOwner): Promise<EgressLease>
}

/** Whose connections these are, for the proxy's log, and what else may be reached by them. */
export type EgressOwner = {
  readonly taskId: string
  readonly runId: string
  readonly purpose: 'agent' | 'check'
  /** Entries of the repository's own; the proxy decides whether they count. */
  readonly allow?: readonly string[]
}

export type EgressLease = {
  /** What was refused so far. The last known answer when the proxy cannot be asked. */
  refusals(): Promise<readonly NetworkRefusal[]>
  /** Ends the way out. Never throws: without renewal the lease ends by itself. */
  close(): Promise<void>
}
