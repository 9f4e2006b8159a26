import { createLogger } from '@devbot/config'
import { DevBotError } from '@devbot/contracts'
import type { SandboxDriver } from '@devbot/sandbox'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { WorkerDeps } from './deps.ts'
import { keepHouse } from './keep-house.ts'
import { watchSandboxes } from './watch-sandboxes.ts'

const DAY_MS = 24 * 3_600_000
const HANGS = new Promise<never>(() => undefined)

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** A house with an engine that is as told; counts what was done in it. */
function makeHouse() {
  const works = async (): Promise<void> => undefined
  const engine = { prepare: works, reap: works }
  const done = { prepare: 0, reap: 0, retire: [] as number[] }
  const driver: SandboxDriver = {
    name: 'docker',
    prepare: async () => {
      done.prepare += 1
      await engine.prepare()
      return { environmentId: 'image' }
    },
    create: () => Promise.reject(new Error('not asked for')),
    count: async () => 0,
    reap: async () => {
      done.reap += 1
      await engine.reap()
      return 0
    },
  }
  const sandboxes = watchSandboxes(driver)
  const errors: unknown[] = []
  const deps = {
    sandboxes,
    ledger: {
      retire: async (endedBeforeMs: number) => {
        done.retire.push(endedBeforeMs)
        return 0
      },
    },
    log: createLogger({ service: 'test', level: 'silent', secrets: [] }),
    now: () => 100 * DAY_MS,
  } as unknown as WorkerDeps
  return {
    engine,
    done,
    errors,
    sandboxes,
    start: () => keepHouse(deps, { retentionDays: 30, reapPeriodMs: 20_000, onError: (error) => errors.push(error) }),
  }
}

const away = () =>
  Promise.reject(new DevBotError({ category: 'sandbox', code: 'engine-unreachable', message: 'the engine is away' }))

describe('keepHouse', () => {
  it('makes images ready once, and reaps and retires again and again', async () => {
    const house = makeHouse()
    const keeping = await house.start()
    expect(house.done).toEqual({ prepare: 1, reap: 1, retire: [70 * DAY_MS] })
    await vi.advanceTimersByTimeAsync(60_000)
    expect([house.done.prepare, house.done.reap, house.done.retire.length]).toEqual([1, 4, 2])
    await keeping.close()
    await vi.advanceTimersByTimeAsync(120_000)
    expect(house.done.reap).toBe(4)
  })

  it('starts beside an engine that is away, tells it once, and is ready one period after it came back', async () => {
    const house = makeHouse()
    house.engine.prepare = away
    house.engine.reap = away
    const keeping = await house.start()
    await vi.advanceTimersByTimeAsync(100_000)
    expect(house.errors).toHaveLength(2)
    expect(house.sandboxes.problem()).toBe('the engine is away')
    house.engine.prepare = async () => undefined
    house.engine.reap = async () => undefined
    await vi.advanceTimersByTimeAsync(20_000)
    expect([house.sandboxes.areReady(), house.sandboxes.problem()]).toEqual([true, undefined])
    await keeping.close()
  })

  it('starts, retires and stops while the engine hangs, and asks it nothing twice at once', async () => {
    const house = makeHouse()
    house.engine.prepare = () => HANGS
    house.engine.reap = () => HANGS
    const starting = house.start()
    await vi.advanceTimersByTimeAsync(5_000)
    const keeping = await starting
    await vi.advanceTimersByTimeAsync(600_000)
    expect([house.done.prepare, house.done.reap, house.done.retire.length]).toEqual([1, 1, 11])
    const closing = keeping.close()
    await vi.advanceTimersByTimeAsync(5_000)
    await closing
  })
})
