import { describe, expect, it } from 'vitest'
import { mergeNetworkRefusals, type NetworkRefusal } from './network.ts'

const refusal = (host: string, more: Partial<NetworkRefusal> = {}): NetworkRefusal => ({
  host,
  port: 443,
  reason: 'not on the list',
  count: 1,
  ...more,
})

describe('mergeNetworkRefusals', () => {
  it('adds up the same destination with the same reason, and keeps the order of first appearance', () => {
    const merged = mergeNetworkRefusals(
      [refusal('b.example', { allowWith: 'b.example' }), refusal('a.example')],
      [refusal('b.example', { count: 4 }), refusal('b.example', { port: 80 }), refusal('a.example', { reason: 'x' })],
    )
    expect(merged).toEqual([
      refusal('b.example', { allowWith: 'b.example', count: 5 }),
      refusal('a.example'),
      refusal('b.example', { port: 80 }),
      refusal('a.example', { reason: 'x' }),
    ])
  })

  it('counts in one row what comes after 100 destinations, also when it is merged again', () => {
    const many = Array.from({ length: 150 }, (_, index) => refusal(`h${index}.example`))
    const once = mergeNetworkRefusals(many)
    expect(once).toHaveLength(101)
    expect(once.at(-1)).toMatchObject({ host: '(others)', port: 0, count: 50 })
    const twice = mergeNetworkRefusals(once, many)
    expect(twice).toHaveLength(101)
    expect(twice.at(0)?.count).toBe(2)
    expect(twice.at(-1)).toMatchObject({ host: '(others)', count: 100 })
  })
})
