import { describe, expect, it } from 'vitest'
import { parseAllowList } from './parse-allow-list.ts'

describe('parseAllowList', () => {
  it('allows nothing when it is empty', () => {
    expect(parseAllowList(' , ,').list.size).toBe(0)
  })

  it('reads names, ports and addresses into one canonical spelling', () => {
    const { list, problems } = parseAllowList(
      ' Example.COM, example.com:443, mirror.example:8443 ,192.0.2.7,192.0.2.7:80,[2001:DB8::0:1]:443, bücher.example',
    )
    expect(problems).toEqual([])
    expect([...list]).toEqual([
      'example.com:443',
      'mirror.example:8443',
      '192.0.2.7:443',
      '192.0.2.7:80',
      '[2001:db8::1]:443',
      'xn--bcher-kva.example:443',
    ])
  })

  it('keeps a name of look-alike letters apart from the name it looks like', () => {
    const { list } = parseAllowList('еxample.com')
    expect(list.has('example.com:443')).toBe(false)
    expect([...list][0]).toMatch(/^xn--/)
  })

  it.each([
    ['*.example.com', /wildcard/],
    ['https://example.com', /scheme or a path/],
    ['example.com/path', /scheme or a path/],
    ['example.com.', /dot/],
    ['example.com:0', /port/],
    ['user@example.com', /user name/],
    ['example.com other.example', /characters/],
    ['2130706433', /unusual/],
    ['１２７.1', /characters/],
    ['::1', /brackets/],
    ['10.0.0.0/8', /scheme or a path/],
  ])('names the entry %s and says what was expected', (entry, problem) => {
    const { problems, list } = parseAllowList(`good.example,${entry}`)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(entry)
    expect(problems[0]).toMatch(problem)
    expect(problems[0]).toContain('expected a host name')
    expect([...list]).toEqual(['good.example:443'])
  })

  it('has an upper limit', () => {
    const many = Array.from({ length: 1_001 }, (_, index) => `h${index}.example`).join(',')
    expect(parseAllowList(many).problems).toEqual([expect.stringContaining('1001 entries')])
  })
})
