import { lookup } from 'node:dns/promises'
import { systemCode } from './system-code.ts'

export type LookedUp =
  | { readonly kind: 'found'; readonly addresses: readonly string[] }
  | { readonly kind: 'failed'; readonly code: string }

/** All addresses of a name. Never rejects. */
export type Lookup = (host: string) => Promise<LookedUp>

/**
 * The system's resolver. Connections that ask for the same name at the same time share one question: the system answers
 * only four at once, and a slow name must not hold up the others more than once.
 */
export function createLookup(timeoutMs: number, resolve: Lookup = systemLookup): Lookup {
  const asked = new Map<string, Promise<LookedUp>>()
  return async (host) => {
    const answer = asked.get(host) ?? resolve(host).finally(() => asked.delete(host))
    asked.set(host, answer)
    return await withDeadline(answer, timeoutMs)
  }
}

async function systemLookup(host: string): Promise<LookedUp> {
  try {
    const found = await lookup(host, { all: true })
    return { kind: 'found', addresses: found.map(({ address }) => address) }
  } catch (error) {
    return { kind: 'failed', code: systemCode(error) }
  }
}

async function withDeadline(answer: Promise<LookedUp>, timeoutMs: number): Promise<LookedUp> {
  const { promise, resolve } = Promise.withResolvers<LookedUp>()
  const timer = setTimeout(() => resolve({ kind: 'failed', code: 'no answer in time' }), timeoutMs)
  try {
    return await Promise.race([answer, promise])
  } finally {
    clearTimeout(timer)
  }
}
