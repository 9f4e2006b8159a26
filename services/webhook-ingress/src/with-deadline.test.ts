import { describe, expect, it } from 'vitest'
import { withDeadline } from './with-deadline.ts'

describe('withDeadline', () => {
  it('gives the result, or the failure, of what ends in time', async () => {
    expect(await withDeadline(Promise.resolve(7), 1_000, 'ledger-silent')).toBe(7)
    await expect(withDeadline(Promise.reject(new Error('no')), 1_000, 'ledger-silent')).rejects.toThrow('no')
  })

  it('fails as transient for what does not end', async () => {
    const never = new Promise<never>(() => undefined)
    await expect(withDeadline(never, 5, 'ledger-silent')).rejects.toMatchObject({
      category: 'transient',
      code: 'ledger-silent',
    })
  })
})
