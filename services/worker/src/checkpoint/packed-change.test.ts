import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { MAX_PACKED_CHECKPOINT_CHARACTERS } from '@devbot/contracts'
import type { TreeChange } from '@devbot/git'
import { describe, expect, it } from 'vitest'
import { packChange, unpackChange } from './packed-change.ts'

const put = (path: string, bytes: Uint8Array | string): TreeChange => ({
  kind: 'put',
  path,
  mode: '100644',
  bytes: new Uint8Array(Buffer.from(bytes)),
})

describe('packChange', () => {
  it('gives the very change back: odd names, binary and empty content, links, removals', async () => {
    const changes: readonly TreeChange[] = [
      { kind: 'delete', path: 'gone/"ä\n' },
      put('line\nend', 'x\n'),
      put('binary', Uint8Array.of(0, 255, 10)),
      put('empty', ''),
      { kind: 'put', path: 'link', mode: '120000', bytes: new Uint8Array(Buffer.from('a')) },
      { kind: 'put', path: 'run.sh', mode: '100755', bytes: new Uint8Array(Buffer.from('#!')) },
    ]
    expect(await unpackChange((await packChange(changes)) ?? '')).toEqual(changes)
    expect(await unpackChange((await packChange([])) ?? '')).toEqual([])
  })

  it('holds megabytes of text, and nothing that would not fit into the ledger', async () => {
    const text = 'const answer = 42 // as everybody knows\n'.repeat(100_000)
    expect((await packChange([put('text', text)]))?.length).toBeLessThan(MAX_PACKED_CHECKPOINT_CHARACTERS)
    expect(await packChange([put('noise', randomBytes(MAX_PACKED_CHECKPOINT_CHARACTERS))])).toBeUndefined()
    expect(await packChange([put('zeros', Buffer.alloc(9 * 1024 * 1024))])).toBeUndefined()
  })
})

describe('unpackChange', () => {
  it('takes nothing that is broken, cut off or something else', async () => {
    const packed = (await packChange([put('a', 'content')])) ?? ''
    const zipped = (text: string) => gzipSync(text).toString('base64')
    const broken = [
      '',
      'x',
      packed.slice(0, 20),
      zipped('no list'),
      zipped('[]'),
      zipped('{}\n'),
      zipped('[["a"]]\nrest'),
    ]
    for (const text of [...broken, zipped('[["a","100644",5]]\nshort'.slice(0, -1)), zipped('[["a","160000",1]]\nx')]) {
      expect(await unpackChange(text)).toBeUndefined()
    }
  })

  it('does not fill the memory with what a few bytes unpack to', async () => {
    expect(await unpackChange(gzipSync(Buffer.alloc(100 * 1024 * 1024)).toString('base64'))).toBeUndefined()
  })
})
