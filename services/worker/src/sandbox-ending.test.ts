import { DevBotError, type ErrorCategory, type ErrorCode } from '@devbot/contracts'
import { describe, expect, it } from 'vitest'
import { isServiceFailure, sandboxEnding } from './sandbox-ending.ts'

const errorOf = (code: ErrorCode, category: ErrorCategory = 'sandbox') =>
  new DevBotError({ category, code, message: `what happened: ${code}` })

describe('sandboxEnding', () => {
  it.each([
    ['sandbox-out-of-memory', 'memory'],
    ['sandbox-disk-full', 'disk'],
    ['sandbox-lifetime-over', 'minutes'],
  ] as const)('takes %s as the limit on %s, with what happened', (code, limit) => {
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

  it.each(['engine-unreachable', 'sandbox-gone', 'channel-lost', 'sandbox-transfer-failed', 'image-missing'] as const)(
    'lets a run with %s be tried again',
    (code) => {
      expect(sandboxEnding(errorOf(code))).toBeUndefined()
    },
  )

  it('does not take a code of another category, or another error, for one of a sandbox', () => {
    expect(sandboxEnding(errorOf('sandbox-out-of-memory', 'transient'))).toBeUndefined()
    expect(sandboxEnding(new Error('sandbox-out-of-memory'))).toBeUndefined()
  })
})

describe('isServiceFailure', () => {
  it('is true for a side service that did not come up, and for nothing else', () => {
    const codes = ['service-ended', 'service-not-ready', 'service-not-started', 'service-port-taken'] as const
    expect(codes.map((code) => isServiceFailure(errorOf(code)))).toEqual([true, true, true, false])
  })
})
