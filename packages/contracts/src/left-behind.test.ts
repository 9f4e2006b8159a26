import { describe, expect, it } from 'vitest'
import { planHashFor, taskIdFor } from './ids.ts'
import { type LeftPull, pullsLeftFor } from './left-behind.ts'
import { planOriginFor } from './markers.ts'

const place = { instance: 'devbot', repository: 'octo-org/hello', planPath: 'a.md' }
const plan = {
  taskId: taskIdFor({ ...place, generation: 1 }),
  planHash: planHashFor('now'),
  origin: planOriginFor(place),
}
const elsewhere = planOriginFor({ ...place, planPath: 'old-name.md' })

function left(number: number, state: LeftPull['state'], marker: Partial<LeftPull['marker']> = {}): LeftPull {
  return { number, state, marker: { ...plan, ...marker } }
}
const numbers = (...pulls: LeftPull[]) => pullsLeftFor(plan, { pulls }).map(({ number }) => number)

describe('pullsLeftFor', () => {
  it('finds the open one of an edited plan', () => {
    expect(numbers(left(1, 'open', { planHash: planHashFor('before') }))).toEqual([1])
  })

  it('finds the one of a renamed plan by its content', () => {
    expect(numbers(left(1, 'open', { origin: elsewhere }))).toEqual([1])
  })

  it('finds an ended one of exactly this revision, and none of an earlier one', () => {
    const earlier = { planHash: planHashFor('before') }
    expect(numbers(left(3, 'merged', earlier), left(2, 'closed'), left(1, 'closed', earlier))).toEqual([2])
  })

  it('prefers what is open, and of that what was made for this very file', () => {
    expect(numbers(left(4, 'merged'), left(3, 'open', { origin: elsewhere }), left(2, 'open'))).toEqual([2, 3, 4])
  })

  it('leaves other plans alone', () => {
    expect(numbers(left(1, 'open', { origin: elsewhere, planHash: planHashFor('other') }))).toEqual([])
  })
})
