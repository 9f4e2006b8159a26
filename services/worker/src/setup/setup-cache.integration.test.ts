import { createHash, randomBytes } from 'node:crypto'
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, type Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSetupCache, type SetupCache } from './setup-cache.ts'

const MIB = 1024 ** 2
const keyOf = (text: string) => createHash('sha256').update(text).digest('hex')
const [KEY, OTHER] = [keyOf('one'), keyOf('other')]

let directory: string
let errors: unknown[]
let nowMs: number
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'devbot-setups-')), 'setups')
  errors = []
  nowMs = Date.now()
})
afterEach(() => rmSync(join(directory, '..'), { recursive: true, force: true }))

const openCache = (maxBytes = 40 * MIB) =>
  createSetupCache({ directory, maxBytes, now: () => nowMs, onError: (error) => errors.push(error) })

const writing = (bytes: Uint8Array) => (sink: Writable) => pipeline(Readable.from([bytes]), sink)

async function read(cache: SetupCache, key: string): Promise<Buffer | undefined> {
  await using kept = await cache.open(key)
  return kept && (await buffer(kept.read()))
}

const files = () => readdirSync(directory)

describe('createSetupCache', () => {
  it('gives back what was stored, byte for byte, also to another worker and more than once at a time', async () => {
    const bytes = randomBytes(3 * MIB)
    expect(await openCache().open(KEY)).toBeUndefined()
    expect(await openCache().store(KEY, writing(bytes))).toEqual({ bytes: bytes.length })
    const cache = openCache()
    const found = await Promise.all([read(cache, KEY), read(cache, KEY), read(openCache(), KEY)])
    expect(found.every((each) => each?.equals(bytes))).toBe(true)
    expect(await read(cache, OTHER)).toBeUndefined()
    expect(statSync(join(directory, files()[0] ?? '')).mode & 0o777).toBe(0o600)
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    expect(errors).toEqual([])
  })

  it.each<readonly [what: string, harm: (path: string) => void]>([
    ['cut', (path) => truncateSync(path, statSync(path).size - 1)],
    ['cut to nothing', (path) => truncateSync(path, 0)],
    ['changed in its middle', (path) => writeFileSync(path, readFileSync(path).fill(0, 1000, 1001))],
    ['longer than it says', (path) => writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.from('x')]))],
    ['not ours', (path) => writeFileSync(path, randomBytes(5000))],
  ])('takes an entry that is %s for none, and removes it', async (_what, harm) => {
    const cache = openCache()
    await cache.store(KEY, writing(randomBytes(5000).fill(1)))
    harm(join(directory, files()[0] ?? ''))
    expect(await cache.open(KEY)).toBeUndefined()
    expect(files()).toEqual([])
  })

  it('keeps nothing of a capture that failed, and the entry before it stays', async () => {
    const cache = openCache()
    await cache.store(KEY, writing(Buffer.from('before')))
    const failing = cache.store(KEY, async (sink) => {
      sink.write(Buffer.alloc(MIB))
      throw new Error('the sandbox is gone')
    })
    await expect(failing).rejects.toThrow('the sandbox is gone')
    expect(files()).toHaveLength(1)
    expect(String(await read(cache, KEY))).toBe('before')
  })

  it('refuses one that takes more than its share, and leaves nothing of it', async () => {
    const cache = openCache(4 * MIB)
    expect(cache.maxEntryBytes).toBe(MIB)
    await expect(cache.store(KEY, writing(Buffer.alloc(MIB + 1)))).rejects.toMatchObject({
      category: 'invalid-input',
      code: 'setup-too-large',
    })
    expect(files()).toEqual([])
  })

  it('makes room by removing what was not used for longest; reading is using', async () => {
    const cache = openCache(4 * MIB)
    const names = ['a', 'b', 'c'].map(keyOf)
    for (const [index, name] of names.entries()) {
      await cache.store(name, writing(randomBytes(MIB)))
      const time = new Date(nowMs - 60_000 + index * 1000)
      utimesSync(join(directory, `${name}.setup`), time, time)
    }
    expect(await read(cache, names[0] ?? '')).toBeDefined()
    await cache.store(KEY, writing(randomBytes(MIB)))
    expect(await Promise.all([...names, KEY].map(async (name) => (await read(cache, name)) !== undefined))).toEqual([
      true,
      false,
      true,
      true,
    ])
  })

  it('goes on reading an entry that is replaced or removed meanwhile', async () => {
    const cache = openCache()
    const bytes = randomBytes(2 * MIB)
    await cache.store(KEY, writing(bytes))
    await using kept = await cache.open(KEY)
    await cache.store(KEY, writing(Buffer.from('newer')))
    await cache.forget(KEY)
    expect(kept && (await buffer(kept.read())).equals(bytes)).toBe(true)
    expect(await cache.open(KEY)).toBeUndefined()
  })

  it('may be closed in the middle of reading', async () => {
    const cache = openCache()
    await cache.store(KEY, writing(randomBytes(5 * MIB)))
    const kept = await cache.open(KEY)
    const stream = kept?.read()
    await new Promise((resolve) => stream?.once('data', resolve))
    await kept?.[Symbol.asyncDispose]()
    expect(stream?.destroyed).toBe(true)
  })

  it('survives two workers that store, read and evict in one folder at once', async () => {
    const workers = [openCache(4 * MIB), openCache(4 * MIB)]
    const names = Array.from({ length: 6 }, (_, index) => keyOf(`${index}`))
    const contentOf = (name: string) => Buffer.alloc(MIB - 100, name)
    await Promise.all(
      workers.flatMap((cache) =>
        names.map(async (name) => {
          await cache.store(name, writing(contentOf(name)))
          const found = await read(cache, name)
          if (found !== undefined) expect(found.equals(contentOf(name))).toBe(true)
        }),
      ),
    )
    await openCache(4 * MIB).store(KEY, writing(Buffer.from('last')))
    const sizes = files().map((name) => statSync(join(directory, name)).size)
    expect(sizes.reduce((total, size) => total + size, 0)).toBeLessThanOrEqual(4 * MIB)
    expect(files().filter((name) => !name.endsWith('.setup'))).toEqual([])
    expect(errors).toEqual([])
  })

  it('serves an entry for a week, however often it is used', async () => {
    const cache = openCache()
    await cache.store(KEY, writing(Buffer.from('content')))
    nowMs += 6.9 * 24 * 3_600_000
    expect(await read(cache, KEY)).toBeDefined()
    nowMs += 0.2 * 24 * 3_600_000
    expect(await read(cache, KEY)).toBeUndefined()
    expect(files()).toEqual([])
  })

  it('is a miss and told when the folder cannot be used', async () => {
    writeFileSync(directory, 'a file in its place')
    expect(await openCache().open(KEY)).toBeUndefined()
    expect(errors).toHaveLength(1)
    await expect(openCache().store(KEY, writing(Buffer.from('x')))).rejects.toThrow()
  })
})
