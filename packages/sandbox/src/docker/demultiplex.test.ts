import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { createDemultiplexer } from './demultiplex.ts'

function frame(stream: number, content: string | Buffer): Buffer {
  const bytes = Buffer.from(content)
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(bytes.length, 4)
  return Buffer.concat([header, bytes])
}

async function split(chunks: Iterable<Buffer>) {
  const demultiplexer = createDemultiplexer()
  const [stdout, stderr, ended] = await Promise.all([
    bytesOf(demultiplexer.stdout),
    bytesOf(demultiplexer.stderr),
    pipeline(Readable.from(chunks), demultiplexer.input).then(
      () => undefined,
      (error: unknown) => error,
    ),
  ])
  return { stdout, stderr, ended }
}

async function bytesOf(stream: Readable): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(piece)
  return Buffer.concat(pieces)
}

describe('createDemultiplexer', () => {
  it('gives each stream its bytes, wherever the frames are cut', async () => {
    const noise = randomBytes(3000)
    const whole = Buffer.concat([
      frame(1, 'out'),
      frame(2, 'err'),
      frame(1, ''),
      frame(1, noise),
      frame(0, 'stdin is nothing of ours'),
      frame(2, '!'),
    ])
    for (const size of [1, 3, 7, 8, 9, 1000, whole.length]) {
      const chunks: Buffer[] = []
      for (let at = 0; at < whole.length; at += size) chunks.push(whole.subarray(at, at + size))
      const { stdout, stderr, ended } = await split(chunks)
      expect(ended).toBeUndefined()
      expect(stdout.equals(Buffer.concat([Buffer.from('out'), noise]))).toBe(true)
      expect(stderr.toString()).toBe('err!')
    }
  })

  it('fails on bytes that are no frames, and the outputs end with what came before', async () => {
    for (const broken of [Buffer.from('OCI runtime'), Buffer.from([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])]) {
      const { stdout, stderr, ended } = await split([frame(1, 'fine'), broken])
      expect(ended).toMatchObject({ category: 'sandbox', code: 'engine-stream-broken' })
      expect([stdout.toString(), stderr.toString()]).toEqual(['fine', ''])
    }
  })

  it('takes no more than the outputs hold while nobody reads them', async () => {
    const { input, stdout, stderr } = createDemultiplexer()
    const megabyte = frame(1, Buffer.alloc(1_000_000))
    let taken = 0
    const source = new Readable({
      read() {
        taken += 1
        this.push(taken <= 50 ? megabyte : null)
      },
    })
    const passed = pipeline(source, input)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(taken).toBeLessThan(5)
    const [bytes] = await Promise.all([bytesOf(stdout), bytesOf(stderr), passed])
    expect(bytes.length).toBe(50_000_000)
  })

  it('goes on when one of the outputs is closed', async () => {
    const { input, stdout, stderr } = createDemultiplexer()
    stderr.destroy()
    const [bytes] = await Promise.all([
      bytesOf(stdout),
      pipeline(Readable.from([frame(2, Buffer.alloc(500_000)), frame(1, 'on')]), input),
    ])
    expect(bytes.toString()).toBe('on')
  })
})
