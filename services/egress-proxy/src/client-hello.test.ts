import { describe, expect, it } from 'vitest'
import { MAX_HELLO_BYTES, parseClientHello } from './client-hello.ts'
import { handMadeHello, inRecords, number, realHello, serverNameExtension } from './testing/hello-bytes.ts'

const named = (name: string) => ({ kind: 'hello', serverName: name, encrypted: false })

describe('parseClientHello', () => {
  it('finds the host that a real hello asks for', async () => {
    expect(parseClientHello(await realHello({ servername: 'registry.example' }))).toEqual(named('registry.example'))
    expect(parseClientHello(await realHello({}))).toEqual({ kind: 'hello', serverName: undefined, encrypted: false })
  })

  it('waits for more at every cut of it, and finds the same in the end', async () => {
    const hello = await realHello({ servername: 'registry.example' })
    for (let end = 0; end < hello.length; end += 1) {
      expect(parseClientHello(hello.subarray(0, end))).toEqual({ kind: 'incomplete' })
    }
    const withMore = Buffer.concat([hello, Buffer.from([20, 3, 3, 0, 1, 1]), Buffer.from([23, 3, 3, 0, 1, 1])])
    expect(parseClientHello(withMore)).toEqual(named('registry.example'))
  })

  it.each([1, 7, 100])('puts together a hello that is split over records of %i bytes', async (size) => {
    const hello = await realHello({ servername: 'registry.example' })
    expect(parseClientHello(inRecords(hello.subarray(5), size))).toEqual(named('registry.example'))
  })

  it('reads a large hello', async () => {
    const hello = await realHello({ servername: 'registry.example', padding: 60 })
    expect(hello.length).toBeGreaterThan(12_000)
    expect(parseClientHello(hello)).toEqual(named('registry.example'))
  })

  it('sees an encrypted client hello beside the name in the open', () => {
    const hello = handMadeHello([
      [0, serverNameExtension('listed.example')],
      [0xfe0d, Buffer.alloc(60)],
    ])
    expect(parseClientHello(hello)).toEqual({ kind: 'hello', serverName: 'listed.example', encrypted: true })
  })

  it.each([
    ['ssh', Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')],
    ['http', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['an SSL 2 hello', Buffer.from([0x80, 0x2e, 1, 0, 2])],
    ['a TLS alert', Buffer.from([21, 3, 3, 0, 2, 2, 0])],
    ['another version', Buffer.from([22, 2, 0, 0, 4])],
  ])('knows that %s is not TLS', (_what, bytes) => {
    expect(parseClientHello(bytes)).toEqual({ kind: 'not-tls' })
  })

  it.each([
    ['two names', handMadeHello([[0, serverNameExtension('a.example', 'b.example')]])],
    [
      'the name extension twice',
      handMadeHello([
        [0, serverNameExtension('a')],
        [0, serverNameExtension('b')],
      ]),
    ],
    [
      'another extension twice',
      handMadeHello([
        [16, Buffer.alloc(0)],
        [16, Buffer.alloc(0)],
      ]),
    ],
    ['an empty name', handMadeHello([[0, serverNameExtension('')]])],
    ['a name of another kind', handMadeHello([[0, serverNameExtension([1, 'a.example'])]])],
    ['an empty name list', handMadeHello([[0, number(0, 2)]])],
    [
      'bytes behind the name list',
      handMadeHello([[0, Buffer.concat([serverNameExtension('a.example'), Buffer.alloc(1)])]]),
    ],
    ['a length beyond the end', handMadeHello([[0, Buffer.concat([number(500, 2), Buffer.alloc(20)])]])],
    ['another handshake message', inRecords(Buffer.from([2, 0, 0, 1, 0]), 100)],
    ['a hello that says it is larger than any', inRecords(Buffer.from([1, 255, 255, 255, 0]), 100)],
    ['an empty record', Buffer.from([22, 3, 1, 0, 0])],
    ['a record beyond 16 KiB', Buffer.from([22, 3, 1, 0x40, 1])],
    ['endless small records', Buffer.concat(Array(9_000).fill(Buffer.from([22, 3, 1, 0, 1, 1])))],
  ])('refuses %s', (_what, bytes) => {
    expect(parseClientHello(bytes).kind).toBe('malformed')
  })

  it('stops to wait at its limit', () => {
    const waiting = inRecords(Buffer.concat([Buffer.from([1, 0, 127, 255]), Buffer.alloc(10)]), 100)
    expect(parseClientHello(waiting)).toEqual({ kind: 'incomplete' })
    const full = inRecords(Buffer.concat([Buffer.from([1, 0, 127, 255]), Buffer.alloc(32_000)]), 6)
    expect(full.length).toBeGreaterThan(MAX_HELLO_BYTES)
    expect(parseClientHello(full)).toEqual({ kind: 'malformed' })
  })

  it('never throws, whatever byte is changed', async () => {
    const hello = await realHello({ servername: 'registry.example' })
    for (let at = 0; at < hello.length; at += 1) {
      for (const value of [0, 1, 127, 128, 255]) {
        const changed = Buffer.from(hello)
        changed[at] = value
        expect(() => parseClientHello(changed)).not.toThrow()
      }
    }
  })
})
