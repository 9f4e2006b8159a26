import { describe, expect, it } from 'vitest'
import { choosePoints } from './choose-points.ts'

const recorded = Array.from({ length: 20 }, (_, index) => `${index < 10 ? 'push' : 'save'}:${index}`)

describe('chosen points', () => {
  it('are all of them, in the order of the story, unless less is asked for', () => {
    expect(choosePoints(recorded, { seed: 1 })).toEqual(recorded)
    expect(choosePoints(recorded, { seed: 1, patterns: ['save:1', 'push'] })).toEqual(recorded)
  })

  it('are the same for the same seed, and every k-th begins somewhere', () => {
    const firsts = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => choosePoints(recorded, { seed, every: 5 })[0])
    expect(new Set(firsts).size).toBeGreaterThan(1)
    expect(choosePoints(recorded, { seed: 3, every: 5 })).toEqual(choosePoints(recorded, { seed: 3, every: 5 }))
    expect(choosePoints(recorded, { seed: 3, every: 5 })).toHaveLength(4)
  })

  it('are so many of each pattern', () => {
    const few = choosePoints(recorded, { seed: 1, patterns: ['push', 'save'], perPattern: 2 })
    expect(few.map((point) => point.slice(0, 4))).toEqual(['push', 'push', 'save', 'save'])
  })
})
