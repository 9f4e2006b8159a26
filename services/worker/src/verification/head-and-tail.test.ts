import { describe, expect, it } from 'vitest'
import { headAndTail } from './head-and-tail.ts'

describe('headAndTail', () => {
  it('leaves an output as it is that fits', () => {
    expect(headAndTail(Buffer.from('all of it'), 9, 200)).toBe('all of it')
  })

  it('says how much is missing between the head and the tail', () => {
    const output = Buffer.from(`head ${'x'.repeat(5000)} tail`)
    const text = headAndTail(output, 1_000_000, 300)
    expect(text).toMatch(/^head x{95}\n\[999800 bytes left out here\]\nx{95} tail$/)
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(300)
  })
})
