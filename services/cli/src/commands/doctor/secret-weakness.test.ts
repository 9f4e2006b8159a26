import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { secretWeakness } from './secret-weakness.ts'

describe('secretWeakness', () => {
  it.each([
    ['short', 'the secret has 5 characters'],
    ['a'.repeat(40), 'looks made up'],
    ['my-very-long-webhook-secret-for-github-2026', 'looks made up'],
  ])('says what is weak about %j', (secret, words) => {
    expect(secretWeakness(secret)).toContain(words)
  })

  it('finds nothing weak in what init and openssl make', () => {
    for (let count = 0; count < 200; count += 1) {
      expect(secretWeakness(randomBytes(32).toString('hex'))).toBeUndefined()
      expect(secretWeakness(randomBytes(32).toString('base64'))).toBeUndefined()
    }
  })
})
