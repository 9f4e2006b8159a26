import { Secret } from '@devbot/config'
import { describe, expect, it } from 'vitest'
import { findSecrets } from './secret-search.ts'

const value = 'ghp_canary/0123456789+abc'
const secrets = [Secret.of(value)]
const at = (text: string | Uint8Array) => [
  { place: 'src/a.ts', bytes: typeof text === 'string' ? Buffer.from(text) : text },
]

describe('findSecrets', () => {
  it.each([
    ['as it is', `const key = "${value}"`],
    ['as base64', Buffer.from(value).toString('base64')],
    ['as hexadecimal', Buffer.from(value).toString('hex')],
    ['URL-encoded', `https://x/?k=${encodeURIComponent(value)}`],
    [
      'between bytes that are no text',
      Buffer.concat([Buffer.from([0, 255, 254]), Buffer.from(value), Buffer.from([0])]),
    ],
  ])('finds a known value %s, and names only the place', (_how, text) => {
    const found = findSecrets(at(text), secrets)
    expect(found).toEqual([{ place: 'src/a.ts' }])
  })

  it('finds nothing in ordinary text, and nothing for an unset secret', () => {
    expect(findSecrets(at('const key = process.env.KEY // ghp_canary'), secrets)).toEqual([])
    expect(findSecrets(at('anything'), [Secret.of('')])).toEqual([])
  })
})
