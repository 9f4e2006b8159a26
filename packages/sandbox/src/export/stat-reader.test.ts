import { describe, expect, it } from 'vitest'
import { parseStatListing } from './stat-reader.ts'
import { compareListings, decodeName } from './workspace-listing.ts'

const line = (name: string, facts = 'f 3 1 644 12 1700000000.1000000000 1700000000.2000000000') =>
  `${facts} ./${name}\0`

describe('parseStatListing', () => {
  it('takes any name, also one that looks like a record', () => {
    const name = 'a b\nf 1 1 644 1 1.0 1.0 ./c'
    expect([...parseStatListing(Buffer.from(line(name))).keys()]).toEqual([name])
  })

  it('tells files from links and from everything else, hard links included', () => {
    const listing = parseStatListing(
      Buffer.from(
        line('file') +
          line('link', 'l 3 1 777 1 1.0 1.0') +
          line('fifo', 'p 0 1 644 1 1.0 1.0') +
          line('two', 'f 3 2 644 1 1.0 1.0'),
      ),
    )
    expect([...listing].map(([key, { kind }]) => [key, kind])).toEqual([
      ['file', 'file'],
      ['link', 'link'],
      ['fifo', 'other'],
      ['two', 'other'],
    ])
  })

  it('refuses a listing that was cut or is something else', () => {
    const failure = expect.objectContaining({ category: 'sandbox' })
    expect(() => parseStatListing(Buffer.from(line('a').slice(0, -1)))).toThrow(failure)
    expect(() => parseStatListing(Buffer.from('hello\0'))).toThrow(failure)
  })

  it('refuses more paths than any tree has, before it takes them apart', () => {
    const paths = Array.from({ length: 500_001 }, (_, number) => `f 0 1 0 0 0 0 ./${number.toString(36)}\0`)
    const failure = expect.objectContaining({ code: 'change-too-large' })
    expect(() => parseStatListing(Buffer.from(paths.join('')))).toThrow(failure)
    expect(parseStatListing(Buffer.from(paths.slice(0, 1000).join(''))).size).toBe(1000)
  })
})

describe('compareListings', () => {
  it('finds a file whose size and modification time were put back', () => {
    const before = parseStatListing(Buffer.from(line('a') + line('b') + line('gone')))
    const now = parseStatListing(
      Buffer.from(line('a', 'f 3 1 644 12 1700000000.1000000000 1700000009.0000000000') + line('b') + line('new')),
    )
    expect(compareListings(before, now)).toEqual({ changed: ['a', 'new'], deleted: ['gone'] })
  })
})

describe('decodeName', () => {
  it('says when a name is no UTF-8 and keeps a byte order mark', () => {
    expect(decodeName(Buffer.from('ä').toString('latin1'))).toEqual({ text: 'ä', exact: true })
    expect(decodeName('a\u00ff')).toEqual({ text: 'a\ufffd', exact: false })
    expect(decodeName(Buffer.from('\ufeffx').toString('latin1')).text).toBe('\ufeffx')
  })
})
