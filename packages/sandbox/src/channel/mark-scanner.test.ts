import { describe, expect, it } from 'vitest'
import { createMarkScanner } from './mark-scanner.ts'

const nonce = '0123456789abcdef0123456789abcdef'

function scan(pieces: readonly Buffer[]) {
  const scanner = createMarkScanner(nonce)
  const output: Buffer[] = []
  for (const piece of pieces) {
    const pushed = scanner.push(piece)
    output.push(pushed.output)
    if (pushed.found) return { text: Buffer.concat(output).toString('latin1'), found: true }
  }
  return { text: Buffer.concat([...output, scanner.rest()]).toString('latin1'), found: false }
}

describe('createMarkScanner', () => {
  it('gives what lies before the nonce and nothing after it, wherever the data was cut', () => {
    const bytes = Buffer.from(`out\0put without end${nonce}   late`, 'latin1')
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const pieces = [bytes.subarray(0, cut), bytes.subarray(cut)]
      expect(scan(pieces)).toEqual({ text: 'out\0put without end', found: true })
    }
  })

  it('takes a nonce byte by byte', () => {
    expect(scan([...Buffer.from(`ab${nonce}`)].map((byte) => Buffer.of(byte)))).toEqual({ text: 'ab', found: true })
  })

  it('keeps everything as output when there is only part of a nonce', () => {
    expect(scan([Buffer.from(`a${nonce.slice(0, 31)}`)])).toEqual({ text: `a${nonce.slice(0, 31)}`, found: false })
    expect(scan([Buffer.from(nonce.slice(0, 20)), Buffer.from('x')])).toEqual({
      text: `${nonce.slice(0, 20)}x`,
      found: false,
    })
  })
})
