import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createTurns } from './take-turns.ts'

const never = new AbortController().signal

describe('createTurns', () => {
  it('does work of one name in order of asking, never two at once, and other work beside it', async () => {
    const take = createTurns()
    const seen: string[] = []
    const work = (name: string, ms: number) => async () => {
      seen.push(`${name} begins`)
      await delay(ms)
      seen.push(`${name} ends`)
    }
    await Promise.all([
      take('key', never, work('a', 40)),
      take('key', never, work('b', 5)),
      take('other', never, work('c', 5)),
      take('key', never, work('d', 1)),
    ])
    const ofKey = seen.filter((text) => !text.startsWith('c'))
    expect(ofKey).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'd begins', 'd ends'])
    expect(seen.indexOf('c ends')).toBeLessThan(seen.indexOf('a ends'))
  })

  it('goes on after work that failed, whose asker gets the error', async () => {
    const take = createTurns()
    const failing = take('key', never, () => Promise.reject(new Error('broken')))
    const next = take('key', never, async () => 'fine')
    await expect(failing).rejects.toThrow('broken')
    expect(await next).toBe('fine')
  })

  it('lets one that waits give up, and those behind it still wait for those before', async () => {
    const take = createTurns()
    const stop = new AbortController()
    let firstIsOver = false
    const first = take('key', never, async () => {
      await delay(40)
      firstIsOver = true
    })
    const second = take('key', stop.signal, async () => 'never')
    const third = take('key', never, async () => firstIsOver)
    stop.abort(new Error('the run has ended'))
    await expect(second).rejects.toThrow('the run has ended')
    expect(firstIsOver).toBe(false)
    expect(await third).toBe(true)
    await first
  })
})
