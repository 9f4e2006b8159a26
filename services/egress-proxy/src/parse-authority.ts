import { isIPv4, isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'

/** Where a connection is to go, in the one spelling that everything is compared in. */
export type Destination = {
  readonly kind: 'name' | 'address'
  /** A lower-case host name, or an address without brackets. */
  readonly host: string
  readonly port: number
}

export type ParsedAuthority =
  | { readonly ok: true; readonly destination: Destination }
  /** `problem` says what is wrong, as an ending of "the destination ...". It holds nothing of the text. */
  | { readonly ok: false; readonly problem: string }

/** RFC 1035: a name with its dots. */
const MAX_NAME_LENGTH = 253
/** A name, a colon and a port; longer is no authority. */
const MAX_AUTHORITY_LENGTH = MAX_NAME_LENGTH + 6

/**
 * Reads `host:port` strictly. Every spelling that two parsers could understand differently is refused instead of being
 * made right: escapes, user names, trailing dots, addresses in other number systems, addresses inside addresses.
 */
export function parseAuthority(text: string, defaultPort?: number): ParsedAuthority {
  const problem = unreadable(text)
  if (problem !== undefined) return { ok: false, problem }
  const parts = /^(?:\[([^[\]]*)\]|([^[\]:]*))(?::([^:]*))?$/.exec(text)
  if (parts === null) return refused(/^[\da-f:.]+$/i.test(text) ? 'is an IPv6 address without brackets' : NOT_HOST_PORT)
  const [, bracketed, plain = '', portText] = parts
  const port = portText === undefined ? defaultPort : parsePort(portText)
  if (port === undefined) return refused(portText === undefined ? NO_PORT : 'has a malformed port')
  return bracketed === undefined ? parseHost(plain.toLowerCase(), port) : parseIpv6(bracketed, port)
}

/** `host:port`, with an IPv6 address in brackets: the key that lists are kept and compared by. */
export function authorityOf({ host, port }: Pick<Destination, 'host' | 'port'>): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** The shortest EGRESS_ALLOW entry for a destination. */
export function allowEntryFor(destination: Pick<Destination, 'host' | 'port'>): string {
  return authorityOf(destination).replace(/:443$/, '')
}

const NOT_HOST_PORT = 'is not written as host:port'
const NO_PORT = 'has no port'

function refused(problem: string): ParsedAuthority {
  return { ok: false, problem }
}

function unreadable(text: string): string | undefined {
  if (text.length > MAX_AUTHORITY_LENGTH) return 'is longer than a host name may be'
  if (/[^\x21-\x7e]/.test(text)) return 'has characters that no host name has (write names of other scripts as xn--...)'
  if (text.includes('@')) return 'has a user name or password in it'
  if (text.includes('%')) return 'has percent-encoding or a zone in it'
  return /[/?#\\]/.test(text) ? NOT_HOST_PORT : undefined
}

function parsePort(text: string): number | undefined {
  if (!/^[1-9]\d{0,4}$/.test(text)) return undefined
  const port = Number(text)
  return port <= 65_535 ? port : undefined
}

function parseHost(host: string, port: number): ParsedAuthority {
  if (isIPv4(host)) return { ok: true, destination: { kind: 'address', host, port } }
  if (host.length > MAX_NAME_LENGTH) return refused('is longer than a host name may be')
  if (host.endsWith('.')) return refused('ends with a dot')
  const labels = host.split('.')
  if (labels.some((label) => !isLabel(label))) return refused('is not a host name')
  // What URL parsers take for an IPv4 address: decimal, octal, hexadecimal, with parts left out.
  if (/^(\d+|0x[\da-f]*)$/.test(labels.at(-1) ?? '')) return refused('is an IP address in an unusual spelling')
  return { ok: true, destination: { kind: 'name', host, port } }
}

/** Letters, digits, hyphen and underscore; no hyphen at either end. */
function isLabel(label: string): boolean {
  return /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label)
}

function parseIpv6(text: string, port: number): ParsedAuthority {
  if (!isIPv6(text)) return refused('is not an IPv6 address')
  const address = ipaddr.IPv6.parse(text)
  if (address.isIPv4MappedAddress()) return refused('is an IPv4 address inside an IPv6 address')
  return { ok: true, destination: { kind: 'address', host: address.toRFC5952String(), port } }
}
