import { DevBotError } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { untilListed, wasRefused } from './attempted-effect.ts'

describe('untilListed', () => {
  it.each([
    ['never attempted', undefined, undefined],
    ['attempted just now', 1_000, 5_000],
    ['attempted a while ago', -3_000, 1_000],
    ['attempted so long ago that listings must show it', -4_000, undefined],
    ['attempted in the future of a clock that was put back', 99_000, 5_000],
  ])('tells how long to wait for an effect that was %s', (_what, attemptedAtMs, expected) => {
    expect(untilListed(attemptedAtMs, 1_000, 5_000)).toBe(expected)
  })
})

describe('wasRefused', () => {
  const error = (category: 'transient' | 'permission' | 'conflict', code: 'github-timeout' | 'github-rate-limited') =>
    new DevBotError({ category, code, message: 'x' })

  it('believes only an answer that refuses, never a lost one', () => {
    expect(wasRefused(error('permission', 'github-timeout'))).toBe(true)
    expect(wasRefused(error('transient', 'github-rate-limited'))).toBe(true)
    expect(wasRefused(error('transient', 'github-timeout'))).toBe(false)
    expect(wasRefused(new Error('anything'))).toBe(false)
  })
})
