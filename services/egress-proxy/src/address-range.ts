import ipaddr from 'ipaddr.js'

/** The one range that global IPv6 addresses are given out from (IANA); everything outside is special or unassigned. */
const GLOBAL_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3')

/** Addresses in public ranges behind which a cloud's own services answer its machines: Azure's host agent and resolver. */
const PLATFORM_ADDRESSES = new Set(['168.63.129.16'])

/** `public`, or the name of the special range that an address lies in. */
export function rangeOf(address: string): string {
  if (!ipaddr.isValid(address)) return 'unreadable'
  if (PLATFORM_ADDRESSES.has(address)) return 'platform'
  const parsed = ipaddr.parse(address)
  const range = parsed.range()
  if (range !== 'unicast') return range
  return parsed instanceof ipaddr.IPv6 && !parsed.match(GLOBAL_IPV6) ? 'unassigned' : 'public'
}

export function isPublicAddress(address: string): boolean {
  return rangeOf(address) === 'public'
}
