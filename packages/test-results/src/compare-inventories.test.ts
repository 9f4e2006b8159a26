import { describe, expect, it } from 'vitest'
import { compareInventories } from './compare-inventories.ts'
import type { TestInventory, TestStatus } from './inventory.ts'
import { packInventory, unpackInventory } from './pack-inventory.ts'
import { readInventory } from './read-inventory.ts'
import { recorded } from './testing/recorded.ts'

function inventory(tests: Readonly<Record<string, TestStatus>>, more: Partial<TestInventory> = {}): TestInventory {
  const of = (status: TestStatus) => Object.values(tests).filter((is) => is === status).length
  const counts = { passed: of('passed'), failed: of('failed'), skipped: of('skipped') }
  return {
    runner: 'node',
    tests: new Map(Object.entries(tests)),
    counts,
    counted: true,
    complete: true,
    failuresNamed: true,
    ...more,
  }
}

describe('compareInventories', () => {
  it('tells what was fixed, broke, stayed broken, is new, rests and is gone', () => {
    const before = inventory({ a: 'failed', b: 'passed', c: 'failed', d: 'passed', e: 'passed', f: 'passed' })
    const after = inventory({
      a: 'passed',
      b: 'failed',
      c: 'failed',
      d: 'skipped',
      f: 'passed',
      g: 'failed',
      h: 'passed',
    })
    expect(compareInventories(before, after)).toEqual({
      runner: 'node',
      compared: true,
      counts: {
        fixed: 1,
        passed: 2,
        regressed: 1,
        alreadyBroken: 1,
        newFailing: 1,
        skipped: 1,
        newlySkipped: 1,
        gone: 1,
      },
      fixed: ['a'],
      regressed: ['b'],
      alreadyBroken: ['c'],
      newFailing: ['g'],
      newlySkipped: ['d'],
      gone: ['e'],
    })
  })

  it('counts without a base as what it sees', () => {
    expect(compareInventories(undefined, inventory({ a: 'passed', b: 'failed' }))).toMatchObject({
      compared: false,
      counts: { fixed: 0, passed: 1, newFailing: 1, gone: 0 },
    })
  })

  it('does not compare two different runners', () => {
    const other = inventory({ a: 'failed' }, { runner: 'jest' })
    expect(compareInventories(other, inventory({ a: 'passed' }))).toMatchObject({ compared: false, fixed: [] })
  })

  it('takes a failure that is not told again for fixed, but not where tests are missing', () => {
    const before = inventory({ a: 'failed' }, { counts: { passed: 5, failed: 1, skipped: 0 }, complete: false })
    const after = (passed: number) => inventory({}, { counts: { passed, failed: 0, skipped: 0 }, complete: false })
    expect(compareInventories(before, after(6))).toMatchObject({
      fixed: ['a'],
      counts: { fixed: 1, passed: 5, gone: 0 },
    })
    expect(compareInventories(before, after(5))).toMatchObject({ fixed: [], counts: { fixed: 0, gone: 1 } })
  })

  it('says nothing of failures where their names were cut off', () => {
    const before = inventory({ a: 'failed' }, { counts: { passed: 5, failed: 1, skipped: 0 }, complete: false })
    const after = inventory({}, { counts: { passed: 5, failed: 1, skipped: 0 }, complete: false, failuresNamed: false })
    expect(compareInventories(before, after)).toMatchObject({ fixed: [], counts: { newFailing: 1 } })
  })

  it.each([
    ['node-spec', 'area of a circle, in cm²', 'volume > of a ball'],
    ['vitest', 'test/area.test.js > area of a circle, in cm²', 'test/area.test.js > volume > of a ball'],
    ['pytest-v', 'test_area.py::test_circle', 'test_area.py::TestVolume::test_ball'],
    ['go-json', 'example.com/shapes/geometry > TestCircle', 'example.com/shapes/geometry > TestVolume/ball/ü'],
    ['cargo', 'src/lib.rs > tests::circle', 'src/lib.rs > tests::volume::ball'],
  ])('tells fixed from regressed in the recorded outputs of %s', (name, fixed, regressed) => {
    const [before, after] = [readInventory(recorded(`${name}.txt`)), readInventory(recorded(`${name}-after.txt`))]
    if (after === undefined) throw new Error('no inventory')
    expect(compareInventories(before, after)).toMatchObject({ compared: true, fixed: [fixed] })
    expect(compareInventories(before, after).regressed).toContain(regressed)
  })

  it.each([
    ['jest', 'test/area.test.js > area of a circle, in cm²', 'test/area.test.js > volume > of a ball'],
    ['pytest', 'test_area.py::test_circle', 'test_area.py::TestVolume::test_ball'],
    ['go', 'example.com/shapes/geometry > TestCircle', 'example.com/shapes/geometry > TestVolume/ball/ü'],
  ])('tells what %s lets see where it does not name what passes', (name, fixed, failing) => {
    const [before, after] = [readInventory(recorded(`${name}.txt`)), readInventory(recorded(`${name}-after.txt`))]
    if (after === undefined) throw new Error('no inventory')
    expect(compareInventories(before, after)).toMatchObject({ compared: true, fixed: [fixed], gone: [] })
    expect(compareInventories(before, after).newFailing).toContain(failing)
  })
})

describe('packInventory', () => {
  it('brings an inventory through a record unchanged', () => {
    const whole = readInventory(recorded('vitest-verbose.txt'))
    if (whole === undefined) throw new Error('no inventory')
    expect(unpackInventory(packInventory(whole) ?? '')).toEqual(whole)
  })

  it('leaves the names of what passed out where all do not fit, and says so', () => {
    const random = (number: number) =>
      `${number} ${Math.sin(number).toString(36)}${Math.cos(number).toString(36)}`.repeat(3)
    const names = Array.from({ length: 5_000 }, (_, number) => [random(number), 'passed'] as const)
    const large = inventory(Object.fromEntries([...names, ['broken', 'failed' as const]]))
    const small = unpackInventory(packInventory(large) ?? '')
    expect(small).toMatchObject({ complete: false, counts: { passed: 5_000, failed: 1 } })
    expect([...(small?.tests ?? [])]).toEqual([['broken', 'failed']])
  })

  it.each(['', 'nonsense', '////'])('is undefined for a text that is none: %o', (text) => {
    expect(unpackInventory(text)).toBeUndefined()
  })
})
