import { DevBotError, type ErrorCode } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { DEFAULT_RETRY, retryDelayMs } from './retry-delay.ts'
import { parseRetryAfter } from './translate-error.ts'

const transient = (code: ErrorCode, retryAfterMs?: number) =>
  new DevBotError({
    category: 'transient',
    code,
    message: 'm',
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
const delayFor = (error: DevBotError, attempt = 1, random = 1) => retryDelayMs(error, attempt, DEFAULT_RETRY, random)

describe('retryDelayMs', () => {
  it('doubles the wait up to its maximum', () => {
    const policy = { ...DEFAULT_RETRY, maxAttempts: 9 }
    const waits = [1, 2, 3, 4, 5, 6].map((attempt) => retryDelayMs(transient('model-overloaded'), attempt, policy, 1))
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 16_000])
  })

  it('spreads the waits over the upper half', () => {
    expect(delayFor(transient('model-overloaded'), 1, 0)).toBe(500)
    expect(delayFor(transient('model-overloaded'), 1, 0.5)).toBe(750)
  })

  it('stops after the last attempt', () => {
    expect(delayFor(transient('model-overloaded'), 5)).toBeUndefined()
  })

  it('obeys a wait the endpoint asked for, up to a minute', () => {
    expect(delayFor(transient('model-rate-limited', 60_000))).toBe(60_000)
    expect(delayFor(transient('model-rate-limited', 60_001))).toBeUndefined()
  })

  it('backs off by itself when the asked wait is shorter', () => {
    expect(delayFor(transient('model-rate-limited', 0), 3)).toBe(4_000)
  })

  it('does not press on against a rate limit without a wait', () => {
    expect(delayFor(transient('model-rate-limited'))).toBeUndefined()
  })

  it('never repeats what does not pass', () => {
    expect(
      delayFor(new DevBotError({ category: 'permission', code: 'model-key-refused', message: 'm' })),
    ).toBeUndefined()
  })
})

describe('parseRetryAfter', () => {
  const nowMs = Date.parse('2026-11-22T12:00:00Z')
  it.each([
    ['7', 7_000],
    ['0.5', 500],
    ['Sun, 22 Nov 2026 12:00:30 GMT', 30_000],
    ['Sun, 22 Nov 2026 11:00:00 GMT', 0],
    ['soon', undefined],
    ['', undefined],
    ['-5', undefined],
  ])('reads %s', (value, expected) => {
    expect(parseRetryAfter(new Headers({ 'retry-after': value }), nowMs)).toBe(expected)
  })

  it('prefers the exact wait, and does not believe in one without end', () => {
    const headers = new Headers({ 'retry-after': '7', 'retry-after-ms': '1500' })
    expect(parseRetryAfter(headers, nowMs)).toBe(1_500)
    expect(parseRetryAfter(new Headers({ 'retry-after-ms': 'x', 'retry-after': '7' }), nowMs)).toBe(7_000)
    expect(parseRetryAfter(new Headers({ 'retry-after': '9'.repeat(30) }), nowMs)).toBeUndefined()
  })

  it('reads nothing from an absent header', () => {
    expect(parseRetryAfter(new Headers(), nowMs)).toBeUndefined()
  })
})
