import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { verifySignature } from './verify-signature.ts'

const secret = "It's a Secret to Everybody"
const rawBody = Buffer.from('Hello, World!')
const sign = (body: Uint8Array, key: string) => `sha256=${createHmac('sha256', key).update(body).digest('hex')}`

describe('verifySignature', () => {
  it('accepts the example of GitHub’s documentation', () => {
    const header = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17'
    expect(verifySignature({ rawBody, header, secrets: [secret] })).toBe(true)
  })

  it('accepts either of two secrets during rotation, and no third', () => {
    const secrets = ['old secret, 16 characters', 'new secret, 16 characters']
    for (const key of secrets) expect(verifySignature({ rawBody, header: sign(rawBody, key), secrets })).toBe(true)
    expect(verifySignature({ rawBody, header: sign(rawBody, 'another'), secrets })).toBe(false)
  })

  it('refuses a body with one altered bit', () => {
    const header = sign(rawBody, secret)
    for (let index = 0; index < rawBody.length; index += 1) {
      const altered = Buffer.from(rawBody)
      altered[index] = (altered[index] ?? 0) ^ 1
      expect(verifySignature({ rawBody: altered, header, secrets: [secret] })).toBe(false)
    }
  })

  it.each([
    ['missing', undefined],
    ['empty', ''],
    ['without its prefix', sign(rawBody, secret).slice(7)],
    ['of another algorithm', sign(rawBody, secret).replace('sha256', 'sha1')],
    ['too short', sign(rawBody, secret).slice(0, -1)],
    ['too long', `${sign(rawBody, secret)}0`],
    ['sent twice', `${sign(rawBody, secret)}, ${sign(rawBody, secret)}`],
    ['not hexadecimal', `sha256=${'zz'.repeat(32)}`],
    ['in upper case', sign(rawBody, secret).toUpperCase()],
    ['with a line end', `${sign(rawBody, secret)}\n`],
    ['of multi-byte characters', `sha256=${'é'.repeat(64)}`],
    ['all zeros', `sha256=${'0'.repeat(64)}`],
  ])('refuses a header that is %s, without throwing', (_what, header) => {
    expect(verifySignature({ rawBody, header, secrets: [secret] })).toBe(false)
  })

  it('refuses everything without a secret, even a signature made with an empty one', () => {
    expect(verifySignature({ rawBody, header: sign(rawBody, ''), secrets: [] })).toBe(false)
    expect(verifySignature({ rawBody, header: sign(rawBody, ''), secrets: [''] })).toBe(false)
  })
})
