import { describe, expect, it } from 'vitest'
import { createFrameReader, escapeWord, type Frame, MAX_PAYLOAD_BYTES } from './frames.ts'

const violation = expect.objectContaining({ category: 'sandbox', code: 'channel-violation' })
const binary = Buffer.from([0, 10, 255, 100, 97, 116, 97, 32, 49, 32, 51, 10])

const stream = Buffer.concat([
  Buffer.from(`ready 1\ndata 7 ${binary.length}\n`),
  binary,
  Buffer.from('data 7 0\nreply 8 not-a-file 3\na\nbexit 7 143\neof 7\nkilled 9 KILL\nmissing dd tar\n'),
])
const frames: readonly Frame[] = [
  { kind: 'ready' },
  { kind: 'data', id: 7, bytes: binary },
  { kind: 'data', id: 7, bytes: Buffer.alloc(0) },
  { kind: 'reply', id: 8, status: 'not-a-file', bytes: Buffer.from('a\nb') },
  { kind: 'exit', id: 7, code: 143 },
  { kind: 'eof', id: 7 },
  { kind: 'killed', id: 9, signal: 'KILL' },
  { kind: 'missing', tools: ['dd', 'tar'] },
]

describe('createFrameReader', () => {
  it('reads the same frames wherever the stream is cut', () => {
    for (let cut = 0; cut <= stream.length; cut += 1) {
      const reader = createFrameReader()
      expect([...reader.push(stream.subarray(0, cut)), ...reader.push(stream.subarray(cut))]).toEqual(frames)
    }
  })

  it('reads a stream that comes byte by byte', () => {
    const reader = createFrameReader()
    expect([...stream].flatMap((byte) => reader.push(Uint8Array.of(byte)))).toEqual(frames)
  })

  it.each([
    ['an unknown word', 'hello 1\n'],
    ['an empty line', '\n'],
    ['a NUL byte', '\0data 1 1\n'],
    ['a length beyond the limit', `data 1 ${MAX_PAYLOAD_BYTES + 1}\n`],
    ['a length of many digits', 'data 1 99999999999999999999\n'],
    ['a negative length', 'data 1 -1\n'],
    ['a fractional length', 'data 1 1.5\n'],
    ['a hexadecimal length', 'data 1 0x10\n'],
    ['a length with a leading zero', 'data 1 01\n'],
    ['no length', 'data 1\n'],
    ['id zero', 'eof 0\n'],
    ['an id of many digits', 'eof 99999999999999999999\n'],
    ['an exit code of four digits', 'exit 1 1000\n'],
    ['a further word', 'eof 1 2\n'],
    ['two spaces', 'data  1 1\n'],
    ['a carriage return', 'eof 1\r\n'],
    ['another protocol version', 'ready 2\n'],
    ['an upper-case status', 'reply 1 OK 0\n'],
    ['an unknown signal', 'killed 1 HUP\n'],
    ['a tool name with a newline escape', 'missing a\\nb\n'],
  ])('refuses %s', (_what, bytes) => {
    expect(() => createFrameReader().push(Buffer.from(bytes))).toThrow(violation)
  })

  it('refuses a header that does not end, in one piece or in many', () => {
    expect(() => createFrameReader().push(Buffer.alloc(10_000_000, 'd'))).toThrow(violation)
    const reader = createFrameReader()
    const pushForever = () => {
      for (let count = 0; count < 1000; count += 1) reader.push(Buffer.from('d'))
    }
    expect(pushForever).toThrow(violation)
  })

  it('refuses random bytes within a few hundred of them', () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const bytes = Buffer.alloc(600)
      for (let index = 0, state = seed; index < bytes.length; index += 1) {
        state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
        bytes[index] = state >> 16
      }
      expect(() => createFrameReader().push(bytes)).toThrow(violation)
    }
  })
})

describe('escapeWord', () => {
  it('leaves plain text readable and makes one word of anything else', () => {
    expect(escapeWord('src/a-b_c.ts')).toBe('src/a-b_c.ts')
    expect(escapeWord('a b\n\\1é')).toBe('a\\0040b\\0012\\01341\\0303\\0251')
    expect(escapeWord('x y\t\r\n"\'$`')).not.toMatch(/\s/)
  })
})
