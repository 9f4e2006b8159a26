import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LedgerFixture, startLedgerFixture } from './testing/ledger-fixture.ts'

let fixture: LedgerFixture
beforeAll(async () => {
  fixture = await startLedgerFixture()
})
afterAll(() => fixture.stop())

const in5s = () => Date.now() + 5_000

describe('waits shared by all workers', () => {
  it('are seen by every worker until they end', async () => {
    const first = await fixture.open()
    const second = await fixture.open(first.instance)
    await first.waits.extend('model:a', Date.now() + 400, 'model-rate-limited')
    expect(await second.waits.until('model:a')).toMatchObject({ reason: 'model-rate-limited' })
    expect(await second.waits.until('model:b')).toBeUndefined()
    await sleep(450)
    expect(await second.waits.until('model:a')).toBeUndefined()
  })

  it('survive a restart of Redis and of who learnt them', async () => {
    const before = await fixture.open()
    const untilMs = in5s()
    await before.waits.extend('github:core', untilMs, 'github-rate-limited')
    await before.close()
    await fixture.redis.kill()
    await fixture.redis.restart()
    const after = await fixture.open(before.instance)
    const wait = await after.waits.until('github:core')
    expect(Math.abs((wait?.untilMs ?? 0) - untilMs)).toBeLessThan(100)
  })

  it('are never shortened by a shorter one', async () => {
    const { waits } = await fixture.open()
    await waits.extend('a', in5s(), 'long')
    await waits.extend('a', Date.now() + 50, 'short')
    expect(await waits.until('a')).toMatchObject({ reason: 'long' })
    await waits.extend('a', Date.now() + 60_000, 'longer')
    expect(await waits.until('a')).toMatchObject({ reason: 'longer' })
  })

  it('are an hour long at most, and one that is over is none', async () => {
    const { waits } = await fixture.open()
    await waits.extend('a', Date.now() + 24 * 3_600_000, 'a day')
    await waits.extend('b', Date.now() - 1, 'over')
    const all = await waits.all()
    expect(all.map((wait) => wait.name)).toEqual(['a'])
    expect(all[0]?.untilMs).toBeLessThanOrEqual(Date.now() + 3_600_000)
  })

  it('are 64 at most: a further one takes the place of the one that ends first', async () => {
    const { waits } = await fixture.open()
    for (let index = 0; index < 64; index++) await waits.extend(`n${index}`, in5s() + (index === 7 ? 0 : 10_000), 'x')
    await waits.extend('one more', in5s() + 20_000, 'x')
    const names = (await waits.all()).map((wait) => wait.name)
    expect(names).toHaveLength(64)
    expect(names).toContain('one more')
    expect(names).not.toContain('n7')
  })

  it('leave nothing behind when the last one ended', async () => {
    const { waits, instance } = await fixture.open()
    await waits.extend('a', Date.now() + 100, 'x')
    await sleep(200)
    const client = new Redis(fixture.redis.url)
    const keys = await client.keys(`devbot:${instance}:*`)
    client.disconnect()
    expect(keys).toEqual([])
  })

  it('refuse a name without an end', async () => {
    const { waits } = await fixture.open()
    await expect(waits.extend('n'.repeat(201), in5s(), 'x')).rejects.toMatchObject({ code: 'shared-wait' })
    await expect(waits.extend('a', in5s(), '')).rejects.toMatchObject({ code: 'shared-wait' })
  })
})
