import { compareInventories, type TestInventory, type TestStatus } from '@devbot/test-results'
import { describe, expect, it } from 'vitest'
import { inventoryConcerns } from './inventory-concerns.ts'

function inventory(tests: Readonly<Record<string, TestStatus>>): TestInventory {
  const of = (status: TestStatus) => Object.values(tests).filter((is) => is === status).length
  const counts = { passed: of('passed'), failed: of('failed'), skipped: of('skipped') }
  const all = { counted: true, complete: true, failuresNamed: true }
  return { runner: 'node', tests: new Map(Object.entries(tests)), counts, ...all }
}
const concerns = (before: Readonly<Record<string, TestStatus>>, after: Readonly<Record<string, TestStatus>>) => {
  const [was, is] = [inventory(before), inventory(after)]
  return inventoryConcerns(was, compareInventories(was, is), is).map(({ kind, detail }) => `${kind}: ${detail}`)
}

describe('inventoryConcerns', () => {
  it('has nothing against mended, added and renamed tests', () => {
    expect(concerns({ a: 'failed', b: 'passed' }, { a: 'passed', b: 'passed', c: 'passed' })).toEqual([])
    expect(concerns({ a: 'passed' }, { 'a, with another name': 'passed' })).toEqual([])
  })

  it('names a red test that is gone, though another one came', () => {
    expect(concerns({ a: 'failed' }, { b: 'passed', c: 'passed' })).toEqual([
      'test-deleted: failed before, and not among the tests that ran now: "a"',
    ])
  })

  it('counts tests that are missing', () => {
    expect(concerns({ a: 'passed', b: 'passed', c: 'passed' }, { c: 'passed' })).toEqual([
      'test-deleted: 2 fewer tests than before by node\'s list: "a", "b"',
    ])
  })

  it('names tests that do not run any more', () => {
    expect(concerns({ a: 'failed', b: 'skipped' }, { a: 'skipped', b: 'skipped' })).toEqual([
      'test-skipped: ran before, skipped now: "a"',
    ])
  })

  it('asks to look where the list of before has no counterpart: the tests may not have run at all', () => {
    const was = inventory({ a: 'passed', b: 'failed' })
    expect(inventoryConcerns(was, undefined, undefined)).toEqual([
      {
        kind: 'test-setup-changed',
        detail: 'node listed 2 tests before, and now the output is of no known runner: nothing can be compared',
      },
    ])
    const other: TestInventory = { ...inventory({ a: 'passed' }), runner: 'vitest' }
    expect(inventoryConcerns(was, compareInventories(was, other), other)).toMatchObject([
      { kind: 'test-setup-changed', detail: expect.stringContaining("now the list is vitest's") },
    ])
    expect(inventoryConcerns(inventory({}), undefined, undefined)).toEqual([])
    const packages: TestInventory = { ...was, runner: 'go (packages)' }
    const tests: TestInventory = { ...other, runner: 'go' }
    expect(inventoryConcerns(packages, compareInventories(packages, tests), tests)).toEqual([])
  })

  it('says nothing without a list of the base', () => {
    const after = inventory({ a: 'skipped' })
    expect(inventoryConcerns(undefined, compareInventories(undefined, after), after)).toEqual([])
  })
})
