import { describe, expect, it } from 'vitest'
import { chooseEvicted } from './choose-evicted.ts'

const nowMs = 10_000_000
const file = (name: string, bytes: number, usedAtMs: number) => ({ name, bytes, usedAtMs })
const namesOf = (files: Parameters<typeof chooseEvicted>[0], maxBytes: number) =>
  chooseEvicted(files, { maxBytes, nowMs }).map(({ name }) => name)

describe('chooseEvicted', () => {
  it('lets everything stay that fits', () => {
    expect(namesOf([file('a.setup', 60, 1), file('b.setup', 40, 2)], 100)).toEqual([])
    expect(namesOf([], 0)).toEqual([])
  })

  it('takes those not used for longest, and no more of them than needed', () => {
    const files = [file('new.setup', 50, 9), file('old.setup', 50, 1), file('middle.setup', 50, 5)]
    expect(namesOf(files, 100)).toEqual(['old.setup'])
    expect(namesOf(files, 99)).toEqual(['old.setup', 'middle.setup'])
    expect(namesOf(files, 0)).toEqual(['old.setup', 'middle.setup', 'new.setup'])
  })

  it('counts what is being written, and leaves it to its writer', () => {
    const files = [file('a.setup', 50, 1), file('b.setup.1.unfinished', 60, nowMs - 1000)]
    expect(namesOf(files, 100)).toEqual(['a.setup'])
  })

  it('takes what a dead worker left unfinished, however much room there is', () => {
    const files = [file('a.setup', 50, 1), file('b.setup.1.unfinished', 60, nowMs - 3_600_001)]
    expect(namesOf(files, 100)).toEqual(['b.setup.1.unfinished'])
  })
})
