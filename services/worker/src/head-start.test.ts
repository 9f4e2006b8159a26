import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createHeadStart } from './head-start.ts'

describe('a head start', () => {
  it('holds work back until the first request is on its way', async () => {
    using start = createHeadStart()
    const order: string[] = []
    const work = start.after(async () => order.push('work'))()
    await sleep(60)
    order.push('request')
    start.begin()
    await work
    expect(order).toEqual(['request', 'work'])
  })

  it('lets the work go when no request is ever made, and holds nothing back afterwards', async () => {
    const start = createHeadStart()
    const work = start.after(async () => 'done')
    const early = work()
    start[Symbol.dispose]()
    expect(await early).toBe('done')
    expect(await work()).toBe('done')
  })

  it('hands on what goes wrong with the work', async () => {
    using start = createHeadStart()
    start.begin()
    const work = start.after(async () => {
      throw new Error('no sandbox')
    })
    await expect(work()).rejects.toThrow('no sandbox')
  })
})
