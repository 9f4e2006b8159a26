import { z } from 'zod'

/** Distinct destinations that are kept; further ones are counted together in one row. */
const MAX_NETWORK_REFUSALS = 100

/** The row that counts what came after `MAX_NETWORK_REFUSALS` distinct rows. */
const FURTHER = { host: '(others)', port: 0, reason: 'further destinations, not kept one by one' } as const

/** One destination that the egress-proxy refused, with how often. `host` is hostile text, made printable. */
export const networkRefusalSchema = z
  .object({
    host: z.string().max(255),
    /** 0 where no port could be read. */
    port: z.int().min(0).max(65_535),
    /** Why, in the proxy's words: `not on the list`, `the TLS hello names another host`... */
    reason: z.string().max(300),
    /** What EGRESS_ALLOW would have to hold as well; absent where nothing sensible would allow it. */
    allowWith: z.string().max(300).optional(),
    count: z.int().positive(),
  })
  .readonly()
export type NetworkRefusal = z.infer<typeof networkRefusalSchema>

/** A task's or run's id, as far as the proxy cares: something harmless for its log. */
const ownerIdSchema = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/)

/** Entries that a repository may add for its own pods. */
const MAX_OWN_EGRESS_ENTRIES = 100

/** Body of the egress-proxy's `PUT /pods/<pod id>`: whose connections the pod's are, and what else they may reach. */
export const egressRequestSchema = z.strictObject({
  taskId: ownerIdSchema,
  runId: ownerIdSchema,
  purpose: z.enum(['agent', 'check']),
  /** Besides EGRESS_ALLOW, in its grammar. Heard only where EGRESS_FROM_POLICY is true. */
  allow: z.array(z.string().min(1).max(300)).max(MAX_OWN_EGRESS_ENTRIES).default([]),
})
export type EgressRequest = Readonly<z.infer<typeof egressRequestSchema>>

/** The egress-proxy's answer to it. */
export const egressLeaseSchema = z.object({
  refusals: z.array(networkRefusalSchema).max(MAX_NETWORK_REFUSALS + 1),
  /** Without another PUT in this time the pod's socket is removed and its connections are closed. */
  leaseSeconds: z.int().positive(),
  /** Whether this PUT made the pod: the counts began anew. */
  created: z.boolean(),
})
export type EgressLeaseAnswer = z.infer<typeof egressLeaseSchema>

/** Adds up refusals of the same destination for the same reason, in order of first appearance; bounded. */
export function mergeNetworkRefusals(...lists: readonly (readonly NetworkRefusal[])[]): NetworkRefusal[] {
  const rows = new Map<string, NetworkRefusal>()
  for (const refusal of lists.flat()) {
    const own = keyOf(refusal)
    const fits = rows.has(own) || rows.size < MAX_NETWORK_REFUSALS
    const key = fits ? own : keyOf(FURTHER)
    const row = rows.get(key) ?? { ...(fits ? refusal : FURTHER), count: 0 }
    rows.set(key, { ...row, count: Math.min(row.count + refusal.count, Number.MAX_SAFE_INTEGER) })
  }
  return [...rows.values()]
}

function keyOf({ host, port, reason }: Pick<NetworkRefusal, 'host' | 'port' | 'reason'>): string {
  return JSON.stringify([host, port, reason])
}
