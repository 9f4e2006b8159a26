import { inertText } from '@devbot/contracts'
import type { ClientHello } from './client-hello.ts'
import type { Refusal } from './judge-destination.ts'
import type { Destination } from './parse-authority.ts'

/** A hello that was read to its end, or why there is none. */
export type ReadHello = Exclude<ClientHello, { readonly kind: 'incomplete' }> | { readonly kind: 'late' }

/**
 * Whether a tunnel's first bytes ask for the very host that CONNECT named; undefined: they do. Otherwise one listed host
 * would be a way to every other one behind the same address.
 */
export function judgeHello(destination: Destination, hello: ReadHello): Refusal | undefined {
  if (hello.kind === 'late') return { reason: 'no TLS hello came in time' }
  if (hello.kind === 'not-tls') return { reason: 'what came through the tunnel is not TLS' }
  if (hello.kind === 'malformed') return { reason: 'the TLS hello cannot be read' }
  if (hello.encrypted) return { reason: 'the TLS hello hides which host it asks for (encrypted client hello)' }
  if (hello.serverName === undefined) {
    return destination.kind === 'address' ? undefined : { reason: 'the TLS hello names no host (SNI)' }
  }
  if (hello.serverName.toLowerCase() === destination.host) return undefined
  return { reason: `the TLS hello names another host (${inertText(hello.serverName)})` }
}
