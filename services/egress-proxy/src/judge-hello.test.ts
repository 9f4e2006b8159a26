import { describe, expect, it } from 'vitest'
import { judgeHello } from './judge-hello.ts'

const name = { kind: 'name', host: 'listed.example', port: 443 } as const
const address = { kind: 'address', host: '192.0.2.1', port: 443 } as const
const hello = (serverName: string | undefined, encrypted = false) => ({ kind: 'hello', serverName, encrypted }) as const

describe('judgeHello', () => {
  it.each([
    ['the very host', name, hello('listed.example')],
    ['the host in capitals', name, hello('Listed.EXAMPLE')],
    ['no host at an address', address, hello(undefined)],
    ['the address itself', address, hello('192.0.2.1')],
  ])('lets %s pass', (_what, destination, read) => {
    expect(judgeHello(destination, read)).toBeUndefined()
  })

  it.each([
    ['another host', name, hello('other.example'), 'the TLS hello names another host (other.example)'],
    ['a trailing dot', name, hello('listed.example.'), 'the TLS hello names another host (listed.example.)'],
    ['a NUL', name, hello('listed.example\0.evil'), 'the TLS hello names another host (listed.example\\u{0}.evil)'],
    ['a subdomain', name, hello('a.listed.example'), 'the TLS hello names another host (a.listed.example)'],
    ['a host at an address', address, hello('listed.example'), 'the TLS hello names another host (listed.example)'],
    ['no host', name, hello(undefined), 'the TLS hello names no host (SNI)'],
    ['a hidden host', name, hello('listed.example', true), /hides which host/],
    ['no TLS', name, { kind: 'not-tls' } as const, 'what came through the tunnel is not TLS'],
    ['a broken hello', name, { kind: 'malformed' } as const, 'the TLS hello cannot be read'],
    ['silence', name, { kind: 'late' } as const, 'no TLS hello came in time'],
  ])('refuses %s', (_what, destination, read, reason) => {
    expect(judgeHello(destination, read)).toEqual({
      reason: expect.stringMatching(reason instanceof RegExp ? reason : new RegExp(`^${RegExp.escape(reason)}$`)),
    })
  })
})
