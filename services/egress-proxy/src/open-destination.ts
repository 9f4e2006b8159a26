import { once } from 'node:events'
import { connect, type LookupFunction, type Socket } from 'node:net'
import { judgeAddresses, judgeDestination, type Refusal } from './judge-destination.ts'
import type { ProxyLimits } from './limits.ts'
import type { Lookup } from './lookup-addresses.ts'
import type { AllowList } from './parse-allow-list.ts'
import { authorityOf, type Destination } from './parse-authority.ts'
import { systemCode } from './system-code.ts'

export type OpenedDestination =
  | { readonly kind: 'open'; readonly socket: Socket }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** Allowed, but it cannot be reached now. */
  | { readonly kind: 'failed'; readonly problem: string }

export type Way = {
  readonly list: AllowList
  readonly lookup: Lookup
  readonly limits: ProxyLimits
  /** What the repository's policy names, and whether that counts (then the list holds it, too). */
  readonly policy?: { readonly list: AllowList; readonly isHeard: boolean }
}

/** How long one address is tried before the next one is tried as well. */
const NEXT_ADDRESS_AFTER_MS = 500

/**
 * Connects to a listed destination. Its name is resolved once, every address judged, and exactly one of the judged
 * addresses dialled: what the name resolves to a moment later does not matter.
 */
export async function openDestination(
  way: Way,
  destination: Destination,
  signal: AbortSignal,
): Promise<OpenedDestination> {
  const refusal = judgeDestination(way.list, destination)
  if (refusal !== undefined) return { kind: 'refused', refusal: withPolicy(way, destination, refusal) }
  if (destination.kind === 'address') return await dial(way, destination, [destination.host], signal)
  const found = await way.lookup(destination.host)
  if (found.kind === 'failed') return failed(destination, `could not be resolved (${found.code})`)
  if (found.addresses.length === 0) return failed(destination, 'has no address')
  const judged = judgeAddresses(way.list, destination, found.addresses)
  return judged.kind === 'refused' ? judged : await dial(way, destination, judged.addresses, signal)
}

/** Says who could have allowed it, where that is not the operator alone. */
function withPolicy({ policy }: Way, destination: Destination, refusal: Refusal): Refusal {
  if (policy?.isHeard === true)
    return { ...refusal, reason: 'not on the list: neither in EGRESS_ALLOW nor in `egress` of .devbot.yml' }
  if (policy?.list.has(authorityOf(destination)))
    return { ...refusal, reason: 'only .devbot.yml names it, which counts where EGRESS_FROM_POLICY is true' }
  return refusal
}

async function dial(
  { limits }: Way,
  destination: Destination,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<OpenedDestination> {
  const socket = connect({
    host: destination.host,
    port: destination.port,
    // In place of the system's: answers with what was judged.
    lookup: knownAddresses(addresses),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_AFTER_MS,
    allowHalfOpen: true,
    noDelay: true,
  })
  // Whoever uses the connection later adds what an error means to it; without a listener one would end the process.
  socket.on('error', () => socket.destroy())
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(limits.connectTimeoutMs)])
  try {
    await once(socket, 'connect', { signal: deadline })
  } catch (error) {
    socket.destroy()
    return failed(
      destination,
      `could not be connected to (${deadline.aborted ? 'no answer in time' : systemCode(error)})`,
    )
  }
  return { kind: 'open', socket }
}

function knownAddresses(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
  return (_host, options, done) => {
    const [first] = all
    if (options.all === true || first === undefined) done(null, all)
    else done(null, first.address, first.family)
  }
}

function failed(destination: Destination, problem: string): OpenedDestination {
  return { kind: 'failed', problem: `${authorityOf(destination)} ${problem}` }
}
