import { describe, expect, it } from 'vitest'
import { type ErrorCode, errorEntry } from './error-catalogue.ts'
import { DevBotError, firstError, triesAgain } from './errors.ts'

const errorOf = (code: ErrorCode, details: Readonly<Record<string, boolean>> = {}) =>
  new DevBotError({ category: errorEntry(code).category, code, message: `what happened: ${code}`, details })

describe('triesAgain', () => {
  it.each([
    'sandbox-tool-missing',
    'sandbox-runtime-unknown',
    'image-not-allowed',
    'image-has-volumes',
    'service-port-taken',
    'egress-entry-invalid',
    'model-key-refused',
    'github-forbidden',
    'git-push-rejected',
  ] as const)('is over at once for %s, which a person has to mend', (code) => {
    expect(triesAgain(errorOf(code), 1)).toBe(false)
  })

  it('is over at once for what DevBot does not know', () => {
    expect(triesAgain(new TypeError('x is undefined'), 1)).toBe(false)
  })

  it.each(['service-ended', 'service-not-ready', 'service-not-started'] as const)('goes on once after %s', (code) => {
    expect([1, 2].map((attempts) => triesAgain(errorOf(code), attempts))).toEqual([true, false])
  })

  it.each(['sandbox-gone', 'github-unprocessable'] as const)('goes on four times after %s', (code) => {
    expect([1, 4, 5].map((attempts) => triesAgain(errorOf(code), attempts))).toEqual([true, true, false])
  })

  it('goes on for an engine that is away, and for other systems, as long as for anything', () => {
    for (const code of ['engine-unreachable', 'egress-unavailable', 'github-unavailable'] as const)
      expect(triesAgain(errorOf(code), 20)).toBe(true)
    expect(triesAgain(errorOf('process-lost', { passing: true }), 20)).toBe(true)
  })
})

describe('firstError', () => {
  it('is what went wrong, not what went wrong while leaving', async () => {
    const refused = errorOf('model-key-refused')
    const leave = async () => {
      await using _outer = { [Symbol.asyncDispose]: () => Promise.reject(errorOf('engine-unreachable')) }
      await using _inner = { [Symbol.asyncDispose]: () => Promise.reject(errorOf('sandbox-not-stopped')) }
      throw refused
    }
    const thrown = await leave().catch((error: unknown) => error)
    expect(thrown).toBeInstanceOf(SuppressedError)
    expect(firstError(thrown)).toBe(refused)
    expect(firstError(refused)).toBe(refused)
  })
})
