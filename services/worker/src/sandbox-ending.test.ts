import { DevBotError, type ErrorCategory } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { isServiceFailure, needsPerson, sandboxEnding } from './sandbox-ending.ts'

const errorOf = (code: string, category: ErrorCategory = 'sandbox', details: Readonly<Record<string, boolean>> = {}) =>
  new DevBotError({ category, code, message: `what happened: ${code}`, details })

describe('sandboxEnding', () => {
  it.each([
    ['sandbox-out-of-memory', 'memory'],
    ['sandbox-disk-full', 'disk'],
    ['sandbox-lifetime-over', 'minutes'],
  ])('takes %s as the limit on %s, with what happened', (code, limit) => {
    const outcome = sandboxEnding(errorOf(code))
    expect(outcome).toMatchObject({ kind: 'limit-reached', limit })
    expect(outcome).toMatchObject({ detail: expect.stringContaining(`what happened: ${code}`) })
  })

  it('takes a violation of the tool channel as the end of the run: something in the sandbox did it', () => {
    expect(sandboxEnding(errorOf('channel-violation'))).toEqual({
      kind: 'failed',
      category: 'sandbox',
      code: 'channel-violation',
      reason: 'what happened: channel-violation',
    })
  })

  it.each([
    'engine-unavailable',
    'sandbox-gone',
    'channel-lost',
    'sandbox-transfer-failed',
    'image-missing',
    'anything-new',
  ])('lets a run with %s be tried again', (code) => {
    expect(sandboxEnding(errorOf(code))).toBeUndefined()
  })

  it('does not take a code of another category, or another error, for one of a sandbox', () => {
    expect(sandboxEnding(errorOf('sandbox-out-of-memory', 'transient'))).toBeUndefined()
    expect(sandboxEnding(new Error('sandbox-out-of-memory'))).toBeUndefined()
  })
})

describe('needsPerson', () => {
  it.each([
    'sandbox-tool-missing',
    'sandbox-runtime-unknown',
    'image-not-allowed',
    'image-has-volumes',
    'service-port-taken',
    'egress-entry-invalid',
  ])('asks for a person at once for %s', (code) => {
    expect(needsPerson(errorOf(code), 1)).toBe(true)
  })

  it.each(['service-ended', 'service-not-ready', 'service-not-started'])('tries once more after %s', (code) => {
    expect([1, 2].map((attempts) => needsPerson(errorOf(code), attempts))).toEqual([false, true])
    expect(isServiceFailure(errorOf(code))).toBe(true)
  })

  it('asks for a person when sandboxes were lost five times in a row', () => {
    expect([1, 4, 5].map((attempts) => needsPerson(errorOf('sandbox-gone'), attempts))).toEqual([false, false, true])
  })

  it('asks for a person when GitHub refused the same five times in a row', () => {
    const refused = errorOf('github-unprocessable', 'conflict')
    expect([1, 4, 5].map((attempts) => needsPerson(refused, attempts))).toEqual([false, false, true])
  })

  it('waits for an engine that is away, and for other systems, as long as for anything', () => {
    expect(needsPerson(errorOf('engine-unreachable', 'sandbox', { passing: true }), 20)).toBe(false)
    expect(needsPerson(errorOf('egress-unavailable'), 20)).toBe(false)
    expect(needsPerson(errorOf('github-unavailable', 'transient'), 20)).toBe(false)
  })
})
