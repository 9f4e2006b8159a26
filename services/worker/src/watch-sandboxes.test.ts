import { DevBotError } from '@devbot/contracts'
import type { Sandbox, SandboxDriver } from '@devbot/sandbox'
import { describe, expect, it } from 'vitest'
import { watchSandboxes } from './watch-sandboxes.ts'

const errorOf = (category: 'sandbox' | 'cancelled' | 'transient', message: string) =>
  new DevBotError({ category, code: 'engine-failed', message })

/** A driver that answers as told; `next` is what the next call throws. */
function driverWith(): SandboxDriver & { next: DevBotError | undefined } {
  const driver = {
    name: 'docker' as const,
    next: undefined as DevBotError | undefined,
    answer: async <T>(value: T): Promise<T> => {
      if (driver.next !== undefined) throw driver.next
      return value
    },
    prepare: () => driver.answer({ environmentId: 'image' }),
    create: () => Promise.reject(errorOf('sandbox', 'one sandbox could not be made')),
    reap: () => driver.answer(0),
    count: () => driver.answer(0),
  }
  return driver
}

const triesOf = (work: Promise<unknown>) => work.catch((error: unknown) => error)

describe('watchSandboxes', () => {
  it('knows of no problem before the first question, and is not ready either', () => {
    const watched = watchSandboxes(driverWith())
    expect([watched.problem(), watched.areReady()]).toEqual([undefined, false])
  })

  it('is ready once prepared, until the engine is away, and again once prepared', async () => {
    const driver = driverWith()
    const watched = watchSandboxes(driver)
    await watched.prepare()
    expect([watched.problem(), watched.areReady()]).toEqual([undefined, true])
    driver.next = errorOf('sandbox', 'the engine does not answer')
    expect(await triesOf(watched.reap())).toBe(driver.next)
    expect([watched.problem(), watched.areReady()]).toEqual(['the engine does not answer', false])
    driver.next = undefined
    await watched.reap()
    expect(watched.areReady()).toBe(false)
    await watched.prepare()
    expect([watched.problem(), watched.areReady()]).toEqual([undefined, true])
  })

  it('does not take the image that one repository asks for in vain for a problem of all', async () => {
    const driver = driverWith()
    const watched = watchSandboxes(driver)
    await watched.prepare()
    driver.next = errorOf('sandbox', 'there is no image acme:1')
    expect(await triesOf(watched.prepare(undefined, { image: 'acme:1' }))).toBe(driver.next)
    expect([watched.problem(), watched.areReady()]).toEqual([undefined, true])
  })

  it('has tried an image with its services once a sandbox of it was made, until one fails', async () => {
    const driver = driverWith()
    const made = async () => {
      await driver.reap()
      return {} as Sandbox
    }
    const watched = watchSandboxes({ ...driver, create: made })
    const limits = { memoryBytes: 1, diskBytes: 1, cpus: 1, processes: 1, maxMinutes: 1 }
    const spec = { purpose: 'agent', instance: 'i', taskId: 't', runId: 'r', epoch: 1, limits } as const
    const own = { image: 'acme:1' }
    expect([watched.areTried({}), watched.areTried(own)]).toEqual([true, false])
    await watched.create({ ...spec, ...own })
    expect([watched.areTried(own), watched.areTried({ image: 'acme:2' })]).toEqual([true, false])
    driver.next = errorOf('cancelled', 'no longer wanted')
    await triesOf(watched.create({ ...spec, ...own }))
    expect(watched.areTried(own)).toBe(true)
    driver.next = errorOf('sandbox', 'the side service db has ended')
    await triesOf(watched.create({ ...spec, ...own }))
    expect(watched.areTried(own)).toBe(false)
  })

  it('does not take a stopped run, a ledger that is away, or one sandbox for the engine', async () => {
    const driver = driverWith()
    const watched = watchSandboxes(driver)
    await watched.prepare()
    driver.next = errorOf('cancelled', 'no longer wanted')
    await triesOf(watched.prepare())
    driver.next = errorOf('transient', 'Redis does not answer')
    await triesOf(watched.reap())
    const spec = { purpose: 'agent', instance: 'i', taskId: 't', runId: 'r', epoch: 1 } as const
    const limits = { memoryBytes: 1, diskBytes: 1, cpus: 1, processes: 1, maxMinutes: 1 }
    await triesOf(watched.create({ ...spec, limits }))
    expect([watched.problem(), watched.areReady()]).toEqual([undefined, true])
  })
})
