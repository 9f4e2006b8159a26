import { describe, expect, it } from 'vitest'
import { createTrailerScanner } from './trailer.ts'

const nonce = '0123456789abcdef0123456789abcdef'

function scan(pieces: readonly Buffer[]) {
  const scanner = createTrailerScanner(nonce)
  const output: Buffer[] = []
  for (const piece of pieces) {
    const found = scanner.push(piece)
    output.push(found.output)
    if (found.exitCode !== undefined)
      return { text: Buffer.concat(output).toString('latin1'), exitCode: found.exitCode }
  }
  return { text: Buffer.concat([...output, scanner.rest()]).toString('latin1') }
}

describe('createTrailerScanner', () => {
  it('finds the exit code after the output wherever the two were cut', () => {
    const bytes = Buffer.from(`out\0put without end${nonce} 137\nlate`, 'latin1')
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      expect(scan([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual({
        text: 'out\0put without end',
        exitCode: 137,
      })
    }
  })

  it('takes a trailer byte by byte', () => {
    const bytes = [...Buffer.from(`ab${nonce} 0\n`)].map((byte) => Buffer.of(byte))
    expect(scan(bytes)).toEqual({ text: 'ab', exitCode: 0 })
  })

  it('keeps everything as output when there is only half a trailer', () => {
    expect(scan([Buffer.from(`a${nonce} `)])).toEqual({ text: `a${nonce} ` })
    expect(scan([Buffer.from(`a${nonce} x\n`)])).toEqual({ text: `a${nonce} x\n` })
    expect(scan([Buffer.from(nonce.slice(0, 20))])).toEqual({ text: nonce.slice(0, 20) })
  })

  it('finds the trailer after a nonce that is followed by something else', () => {
    expect(scan([Buffer.from(`${nonce}${nonce} 5\n`)])).toEqual({ text: nonce, exitCode: 5 })
  })
})
