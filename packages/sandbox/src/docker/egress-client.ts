import { Agent } from 'node:http'
import { DevBotError, mergeNetworkRefusals, type NetworkRefusal } from '@devbot/contracts'
import { askEgressProxy, type ProxyAnswer } from './ask-egress-proxy.ts'
import type { EgressClient, EgressLease, EgressOwner } from './egress.ts'

/** A lease lasts 60 s: two renewals may get lost. */
const RENEW_EVERY_MS = 20_000
/** How soon the proxy is asked again when it did not answer: a restart takes a second or two. */
const RETRY_AFTER_MS = 1_000

/**
 * Keeps pods' ways out at the egress-proxy behind `controlSocket`. When the proxy was restarted it has forgotten them all:
 * the closing of the connection to it tells, and every pod is made anew at once. Renewals never throw; `onWarning` hears
 * once that the proxy is away.
 */
export function createEgressClient(options: {
  readonly controlSocket: string
  readonly onWarning?: (message: string) => void
}): EgressClient {
  const leases = new Set<{ renewSoon(): void }>()
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ask = (method: 'PUT' | 'DELETE', podId: string, owner?: EgressOwner) =>
    askEgressProxy({
      socketPath: options.controlSocket,
      agent,
      method,
      podId,
      ...(owner && { owner }),
      onConnectionLost: () => {
        for (const lease of leases) lease.renewSoon()
      },
    })

  return {
    async open(podId, owner) {
      const first = await ask('PUT', podId, owner)
      if (first.kind === 'refused') throw entryInvalid(first.problem)
      if (first.kind !== 'lease') throw unavailable(options.controlSocket, first)
      const renewal = createRenewal({
        first: first.lease.refusals,
        renew: () => ask('PUT', podId, owner),
        onWarning: (problem) => options.onWarning?.(`pod ${podId}: ${problem}`),
      })
      leases.add(renewal)
      return {
        refusals: renewal.refusals,
        async close() {
          leases.delete(renewal)
          renewal.stop()
          const answer = await ask('DELETE', podId)
          if (answer.kind === 'failed') options.onWarning?.(`pod ${podId} is left to its lease: ${answer.problem}`)
        },
      }
    },
  }
}

type Renewal = Pick<EgressLease, 'refusals'> & { readonly renewSoon: () => void; readonly stop: () => void }

function createRenewal(options: {
  readonly first: readonly NetworkRefusal[]
  readonly renew: () => Promise<ProxyAnswer>
  readonly onWarning: (problem: string) => void
}): Renewal {
  let earlier: readonly NetworkRefusal[] = []
  let current = options.first
  let away = false
  let stopped = false
  let timer: NodeJS.Timeout | undefined

  function renewIn(delayMs: number): void {
    clearTimeout(timer)
    if (stopped) return
    timer = setTimeout(() => void renew(), delayMs)
    timer.unref()
  }

  /** Never rejects: `options.renew` answers what went wrong. */
  async function renew(): Promise<void> {
    const answer = await options.renew()
    if (answer.kind === 'lease') {
      // A proxy that had to make the pod counts from nothing again.
      if (answer.lease.created) earlier = mergeNetworkRefusals(earlier, current)
      current = answer.lease.refusals
    } else if (!away && !stopped) {
      options.onWarning(`nothing leads out of its sandbox until the egress-proxy answers again: ${answer.problem}`)
    }
    away = answer.kind !== 'lease'
    renewIn(away ? RETRY_AFTER_MS : RENEW_EVERY_MS)
  }

  renewIn(RENEW_EVERY_MS)
  return {
    async refusals() {
      if (!stopped) await renew()
      return mergeNetworkRefusals(earlier, current)
    },
    renewSoon: () => renewIn(0),
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}

/** The proxy says which entry, and what is wrong with it. */
function entryInvalid(problem: string): DevBotError {
  return new DevBotError({ category: 'sandbox', code: 'egress-entry-invalid', message: problem })
}

function unavailable(socketPath: string, answer: Exclude<ProxyAnswer, { readonly kind: 'lease' }>): DevBotError {
  return new DevBotError({
    category: 'sandbox',
    code: 'egress-unavailable',
    message: `the egress-proxy gave a sandbox no way out (${answer.problem}); check that it runs and that EGRESS_CONTROL_SOCKET (${socketPath}) is its control socket, or unset EGRESS_VOLUME to work without one`,
  })
}
