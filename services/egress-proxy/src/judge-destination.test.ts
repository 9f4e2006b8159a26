import { describe, expect, it } from 'vitest'
import { judgeAddresses, judgeDestination } from './judge-destination.ts'
import { parseAllowList } from './parse-allow-list.ts'
import { type Destination, parseAuthority } from './parse-authority.ts'

const listOf = (text: string) => parseAllowList(text).list
const destinationOf = (text: string): Destination => {
  const parsed = parseAuthority(text)
  if (!parsed.ok) throw new Error(parsed.problem)
  return parsed.destination
}

describe('judgeDestination', () => {
  const list = listOf('example.com,mirror.example:8443,192.0.2.1')

  it.each(['example.com:443', 'EXAMPLE.com:443', 'mirror.example:8443', '192.0.2.1:443'])('allows %s', (text) => {
    expect(judgeDestination(list, destinationOf(text))).toBeUndefined()
  })

  it.each([
    ['evil-example.com:443', 'evil-example.com'],
    ['evilexample.com:443', 'evilexample.com'],
    ['example.com.evil.example:443', 'example.com.evil.example'],
    ['sub.example.com:443', 'sub.example.com'],
    ['com:443', 'com'],
    ['xn--xample-2of.com:443', 'xn--xample-2of.com'],
    ['example.com:80', 'example.com:80'],
    ['example.com:8443', 'example.com:8443'],
    ['mirror.example:443', 'mirror.example'],
    ['192.0.2.1:80', '192.0.2.1:80'],
    ['10.0.0.1:443', '10.0.0.1'],
    ['[2001:db8::5]:443', '[2001:db8::5]'],
  ])('refuses %s and says what would allow it', (text, allowWith) => {
    expect(judgeDestination(list, destinationOf(text))).toEqual({ reason: 'not on the list', allowWith })
  })

  it.each(['127.0.0.1:443', '169.254.169.254:80', '[::1]:443', '[fe80::1]:443', '0.0.0.0:443', '168.63.129.16:80'])(
    'refuses %s without proposing to allow it',
    (text) => {
      expect(judgeDestination(list, destinationOf(text))).toEqual({ reason: 'not on the list' })
    },
  )

  it('refuses everything when the list is empty', () => {
    expect(judgeDestination(listOf(''), destinationOf('example.com:443'))).toBeDefined()
  })
})

describe('judgeAddresses', () => {
  const destination = destinationOf('example.com:443')
  const list = listOf('example.com')

  it('dials what is public', () => {
    const addresses = ['93.184.215.14', '2606:2800:21f:cb07:6820:80da:af6b:8b2c']
    expect(judgeAddresses(list, destination, addresses)).toEqual({ kind: 'dial', addresses })
  })

  it.each([
    ['127.0.0.1', 'loopback', false],
    ['127.8.8.8', 'loopback', false],
    ['10.0.0.1', 'private', true],
    ['172.16.0.1', 'private', true],
    ['192.168.1.1', 'private', true],
    ['169.254.169.254', 'linkLocal', false],
    ['100.64.0.1', 'carrierGradeNat', true],
    ['0.0.0.0', 'unspecified', false],
    ['203.0.113.7', 'reserved', true],
    ['198.18.0.1', 'reserved', true],
    ['192.0.0.1', 'reserved', true],
    ['240.0.0.1', 'reserved', true],
    ['255.255.255.255', 'broadcast', false],
    ['224.0.0.1', 'multicast', false],
    ['168.63.129.16', 'platform', false],
    ['::1', 'loopback', false],
    ['::', 'unspecified', false],
    ['::ffff:93.184.215.14', 'ipv4Mapped', false],
    ['::7f00:1', 'unassigned', true],
    ['64:ff9b::a00:1', 'rfc6052', true],
    ['2002:7f00:1::', '6to4', true],
    ['2001::1', 'teredo', true],
    ['2001:db8::1', 'reserved', true],
    ['fd00::1', 'uniqueLocal', true],
    ['fe80::1', 'linkLocal', false],
    ['fe80::1%eth0', 'linkLocal', false],
    ['fec0::1', 'deprecatedSiteLocal', true],
    ['ff02::1', 'multicast', false],
    ['4000::1', 'unassigned', true],
    ['no address', 'unreadable', true],
  ])('refuses a name that resolves to %s (%s), also beside a public address', (address, range, proposed) => {
    for (const addresses of [[address], ['93.184.215.14', address]]) {
      const judged = judgeAddresses(list, destination, addresses)
      expect(judged).toMatchObject({
        kind: 'refused',
        refusal: { reason: `resolves to an address that is not public (${address}, ${range})` },
      })
      expect(judged.kind === 'refused' && judged.refusal.allowWith !== undefined).toBe(proposed)
    }
  })

  it('dials an inside address that is on the list itself, with that port only', () => {
    const withAddress = listOf('example.com,example.com:8443,10.0.0.1,[fd00::1]')
    expect(judgeAddresses(withAddress, destination, ['10.0.0.1', 'fd00:0::1'])).toMatchObject({ kind: 'dial' })
    expect(judgeAddresses(withAddress, destinationOf('example.com:8443'), ['10.0.0.1'])).toEqual({
      kind: 'refused',
      refusal: {
        reason: 'resolves to an address that is not public (10.0.0.1, private)',
        allowWith: '10.0.0.1:8443',
      },
    })
  })

  it('tries eight addresses at most', () => {
    const many = Array.from({ length: 30 }, (_, index) => `93.184.215.${index}`)
    expect(judgeAddresses(list, destination, many)).toMatchObject({ addresses: many.slice(0, 8) })
  })
})
