import ipaddr from 'ipaddr.js'
import { rangeOf } from './address-range.ts'
import type { AllowList } from './parse-allow-list.ts'
import { allowEntryFor, authorityOf, type Destination } from './parse-authority.ts'

/** Why a connection is not made, in words for a log and a report. */
export type Refusal = {
  readonly reason: string
  /** What EGRESS_ALLOW would have to hold as well. */
  readonly allowWith?: string
}

export type JudgedAddresses =
  | { readonly kind: 'dial'; readonly addresses: readonly string[] }
  | { readonly kind: 'refused'; readonly refusal: Refusal }

/** More addresses than this are not tried. */
const MAX_ADDRESSES = 8

/** Ranges where nothing is that anybody should be told to allow: this machine, its neighbours, metadata services. */
const NEVER_PROPOSED = new Set([
  'loopback',
  'linkLocal',
  'unspecified',
  'multicast',
  'broadcast',
  'ipv4Mapped',
  'platform',
])

/** Whether a destination may be asked for at all; undefined: yes. */
export function judgeDestination(list: AllowList, destination: Destination): Refusal | undefined {
  if (list.has(authorityOf(destination))) return undefined
  const sensible = destination.kind === 'name' || !NEVER_PROPOSED.has(rangeOf(destination.host))
  return { reason: 'not on the list', ...(sensible && { allowWith: allowEntryFor(destination) }) }
}

/**
 * Which of a listed destination's addresses may be dialled. All of them have to be public, or be on the list themselves
 * with that port: a name whose owner mixes in an inside address is not trusted at all.
 */
export function judgeAddresses(
  list: AllowList,
  destination: Destination,
  addresses: readonly string[],
): JudgedAddresses {
  for (const address of addresses) {
    const range = rangeOf(address)
    if (range === 'public' || list.has(addressKey(address, destination.port))) continue
    const allowWith = allowEntryFor({ host: address, port: destination.port })
    return {
      kind: 'refused',
      refusal: {
        reason: `resolves to an address that is not public (${address.slice(0, 64)}, ${range})`,
        ...(!NEVER_PROPOSED.has(range) && { allowWith }),
      },
    }
  }
  return { kind: 'dial', addresses: addresses.slice(0, MAX_ADDRESSES) }
}

/** As entries are kept: with the address in canonical spelling. */
function addressKey(address: string, port: number): string {
  return authorityOf({ host: ipaddr.isValid(address) ? canonical(address) : address, port })
}

function canonical(address: string): string {
  const parsed = ipaddr.parse(address)
  return parsed instanceof ipaddr.IPv6 ? parsed.toRFC5952String() : parsed.toString()
}
