/** Ceilings of the proxy. Tests take shorter times. */
export type ProxyLimits = {
  /** A pod whose lease is not renewed in this time ends. The client renews three times as often. */
  readonly leaseMs: number
  readonly maxPods: number
  readonly maxConnectionsPerPod: number
  readonly maxConnections: number
  /** From the connection to the end of the request's head. */
  readonly headTimeoutMs: number
  /** From the answer to CONNECT to the end of the TLS hello. */
  readonly helloTimeoutMs: number
  readonly lookupTimeoutMs: number
  readonly connectTimeoutMs: number
  /** Without a byte in either direction a connection is closed. */
  readonly idleTimeoutMs: number
  readonly maxHeadBytes: number
}

export const DEFAULT_LIMITS: ProxyLimits = {
  leaseMs: 60_000,
  // A worker of 64 tasks has an agent and a check sandbox each.
  maxPods: 256,
  // Twice what the anchor's forwarder has children: pnpm uses all 64 of those, and one that is just closing counts here.
  maxConnectionsPerPod: 128,
  // Two descriptors each; far below what an engine gives a container.
  maxConnections: 2_048,
  headTimeoutMs: 10_000,
  helloTimeoutMs: 10_000,
  lookupTimeoutMs: 10_000,
  connectTimeoutMs: 10_000,
  // Registries that build something on request stay silent for minutes.
  idleTimeoutMs: 300_000,
  maxHeadBytes: 16 * 1024,
}
