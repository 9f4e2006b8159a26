import { describe, expect, it } from 'vitest'
import { createHeadAndTail } from './head-and-tail.ts'

function keep(maxBytes: number, pieces: readonly string[]) {
  const kept = createHeadAndTail(maxBytes)
  for (const piece of pieces) kept.push(Buffer.from(piece))
  return { text: Buffer.from(kept.kept()).toString(), totalBytes: kept.totalBytes }
}

describe('createHeadAndTail', () => {
  it('keeps everything up to the cap', () => {
    expect(keep(10, ['0123', '456789'])).toEqual({ text: '0123456789', totalBytes: 10 })
    expect(keep(10, [])).toEqual({ text: '', totalBytes: 0 })
  })

  it('keeps half from the head and half from the tail beyond it, however the bytes came', () => {
    expect(keep(10, ['0123456789abcdef'])).toEqual({ text: '01234bcdef', totalBytes: 16 })
    expect(keep(10, [...'0123456789abcdef'])).toEqual({ text: '01234bcdef', totalBytes: 16 })
    expect(keep(7, ['01', '23456789', 'a'])).toEqual({ text: '012389a', totalBytes: 11 })
  })

  it('keeps nothing of a cap of zero, and counts', () => {
    expect(keep(0, ['abc'])).toEqual({ text: '', totalBytes: 3 })
  })

  it('stays small while a gigabyte passes', () => {
    const kept = createHeadAndTail(1000)
    const piece = Buffer.alloc(64 * 1024, 'y')
    const before = process.memoryUsage()
    for (let count = 0; count < 16_384; count += 1) kept.push(piece)
    const after = process.memoryUsage()
    expect(kept.totalBytes).toBe(2 ** 30)
    expect(kept.kept().length).toBe(1000)
    expect(after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed).toBeLessThan(100_000_000)
  })
})
