import { describe, expect, it } from 'vitest'
import { createReadMemory } from './read-memory.ts'

describe('createReadMemory', () => {
  const light = () => 100
  const half = () => 2 * 1024 * 1024

  it('reads once what it is asked twice', async () => {
    const memory = createReadMemory()
    expect(await memory.answer('a', async () => 1, light)).toBe(1)
    expect(await memory.answer('a', async () => 2, light)).toBe(1)
    expect(await memory.answer('b', async () => 3, light)).toBe(3)
  })

  it('forgets what was not asked for longest', async () => {
    const memory = createReadMemory()
    await memory.answer('used', async () => 'first', half)
    await memory.answer('old', async () => 'first', half)
    await memory.answer('used', async () => 'second', half)
    await memory.answer('new', async () => 'first', half)
    expect(await memory.answer('used', async () => 'second', half)).toBe('first')
    expect(await memory.answer('new', async () => 'second', half)).toBe('first')
    expect(await memory.answer('old', async () => 'second', light)).toBe('second')
  })

  it('keeps neither failures nor what is large', async () => {
    const memory = createReadMemory()
    await expect(memory.answer('a', () => Promise.reject(new Error('no')), light)).rejects.toThrow('no')
    expect(
      await memory.answer(
        'a',
        async () => 1,
        () => 2 ** 30,
      ),
    ).toBe(1)
    expect(await memory.answer('a', async () => 2, light)).toBe(2)
  })
})
