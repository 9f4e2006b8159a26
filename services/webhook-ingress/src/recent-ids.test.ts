import { describe, expect, it } from 'vitest'
import { createRecentIds } from './recent-ids.ts'

describe('createRecentIds', () => {
  it('knows the newest ids and forgets the oldest', () => {
    const seen = createRecentIds(2)
    expect(['a', 'b', 'a', 'c', 'b', 'c'].map(seen)).toEqual([false, false, true, false, false, true])
  })
})
