import { describe, expect, it } from 'vitest'
import { allowEntryFor, authorityOf, parseAuthority } from './parse-authority.ts'

describe('parseAuthority', () => {
  it.each([
    ['example.com:443', 'name', 'example.com', 443],
    ['ExAmPlE.CoM:8443', 'name', 'example.com', 8443],
    ['mirror:1', 'name', 'mirror', 1],
    ['a_b.x-y.example:65535', 'name', 'a_b.x-y.example', 65_535],
    ['xn--e1afmkfd.example:443', 'name', 'xn--e1afmkfd.example', 443],
    [`${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}:443`, 'name', undefined, 443],
    ['192.0.2.1:443', 'address', '192.0.2.1', 443],
    ['[::1]:443', 'address', '::1', 443],
    ['[2001:DB8:0:0:0:0:0:1]:443', 'address', '2001:db8::1', 443],
    ['[0000::0001]:443', 'address', '::1', 443],
  ] as const)('reads %s', (text, kind, host, port) => {
    const parsed = parseAuthority(text)
    expect(parsed).toMatchObject({ ok: true, destination: { kind, port, ...(host && { host }) } })
  })

  it('takes the default port where none is named', () => {
    expect(parseAuthority('example.com', 80)).toMatchObject({ ok: true, destination: { port: 80 } })
    expect(parseAuthority('[::1]', 443)).toMatchObject({ ok: true, destination: { host: '::1', port: 443 } })
  })

  it.each([
    ['a trailing dot', 'example.com.:443', /dot/],
    ['a NUL', 'example.com\0.evil.example:443', /characters/],
    ['a NUL at the end', 'example.com\0:443', /characters/],
    ['a line break', 'example.com\r\n:443', /characters/],
    ['a tab', 'example.com\t:443', /characters/],
    ['a space', 'example.com :443', /characters/],
    ['a user name', 'example.com@evil.example:443', /user name/],
    ['user and password', 'u:p@example.com:443', /user name/],
    ['an escaped dot', 'example%2ecom:443', /percent/],
    ['an escaped NUL', 'example.com%00:443', /percent/],
    ['a Cyrillic letter', 'еxample.com:443', /characters/],
    ['a full-width dot', 'example。com:443', /characters/],
    ['a soft hyphen', 'exam\u00adple.com:443', /characters/],
    ['a path', 'example.com:443/x', /host:port/],
    ['a query', 'example.com:443?x', /host:port/],
    ['a fragment', 'example.com#:443', /host:port/],
    ['a backslash', 'example.com\\.evil.example:443', /host:port/],
    ['a scheme', 'https://example.com:443', /host:port/],
    ['an empty host', ':443', /host name/],
    ['an empty label', 'example..com:443', /host name/],
    ['a dot in front', '.example.com:443', /host name/],
    ['a wildcard', '*.example.com:443', /host name/],
    ['a hyphen at the edge', '-example.com:443', /host name/],
    ['a label of 64', `${'a'.repeat(64)}.example:443`, /host name/],
    ['254 characters', `${'a.'.repeat(126)}ab:443`, /longer/],
    ['300 characters', `${'a.'.repeat(150)}a:443`, /longer/],
    ['no port', 'example.com', /no port/],
    ['an empty port', 'example.com:', /port/],
    ['port 0', 'example.com:0', /port/],
    ['a port with a zero in front', 'example.com:0443', /port/],
    ['a port with a plus', 'example.com:+443', /port/],
    ['a negative port', 'example.com:-443', /port/],
    ['a hexadecimal port', 'example.com:0x1bb', /port/],
    ['a port too large', 'example.com:65536', /port/],
    ['a port that wraps', 'example.com:4294967739', /port/],
    ['two ports', 'example.com:443:80', /host:port/],
    ['an exponent', 'example.com:44e1', /port/],
    ['a decimal address', '2130706433:443', /unusual/],
    ['a hexadecimal address', '0x7f000001:443', /unusual/],
    ['a short address', '127.1:443', /unusual/],
    ['a mixed address', '0x7f.1:443', /unusual/],
    ['an octal address', '0177.0.0.1:443', /unusual/],
    ['zeros in front', '127.000.000.001:443', /unusual/],
    ['five parts', '1.2.3.4.5:443', /unusual/],
    ['a part above 255', '127.0.0.256:443', /unusual/],
    ['a name that ends in a number', 'example.com.1:443', /unusual/],
    ['IPv6 without brackets', '::1:443', /brackets/],
    ['a mapped IPv4 address', '[::ffff:127.0.0.1]:443', /inside/],
    ['a mapped IPv4 address in hexadecimal', '[::ffff:7f00:1]:443', /inside/],
    ['a zone', '[fe80::1%eth0]:443', /percent/],
    ['an IPv4 address in brackets', '[127.0.0.1]:443', /IPv6/],
    ['a name in brackets', '[example.com]:443', /IPv6/],
    ['empty brackets', '[]:443', /IPv6/],
    ['text behind the brackets', '[::1]x:443', /host:port/],
    ['nothing', '', /host name|port/],
  ])('refuses %s', (_what, text, problem) => {
    const parsed = parseAuthority(text)
    expect(parsed).toMatchObject({ ok: false, problem: expect.stringMatching(problem) })
  })
})

describe('authorityOf and allowEntryFor', () => {
  it('write an IPv6 address in brackets, and leave out port 443 in an entry only', () => {
    expect(authorityOf({ host: '::1', port: 443 })).toBe('[::1]:443')
    expect(allowEntryFor({ host: '::1', port: 443 })).toBe('[::1]')
    expect(allowEntryFor({ host: 'example.com', port: 8443 })).toBe('example.com:8443')
  })
})
