import { describe, expect, it } from 'vitest'
import { createOutput } from '../output.ts'
import { explainCode, listCodes } from './explain.ts'

function printed(work: (output: ReturnType<typeof createOutput>) => unknown, json = false): string {
  let text = ''
  work(
    createOutput(json, (part) => {
      text += part
    }),
  )
  return text
}

describe('devbot explain', () => {
  it('says what a code means, what to do, and what DevBot does by itself', () => {
    const text = printed((output) => explainCode(output, 'service-ended'))
    expect(text).toMatch(/^service-ended\n/)
    expect(text).toContain('A side service of the policy ended by itself.')
    expect(text).toContain('then start the task')
    expect(text).toContain('doubling up to 5 min, 2 times at most')
  })

  it('gives the entry to programs', () => {
    expect(JSON.parse(printed((output) => explainCode(output, 'model-key-refused'), true))).toMatchObject({
      code: 'model-key-refused',
      category: 'permission',
      retry: 'person',
    })
  })

  it('refuses a code that there is none of, and says how to see all', () => {
    for (const code of ['no-such-code', 'toString'])
      expect(() => printed((output) => explainCode(output, code))).toThrow(/devbot explain lists them all/)
  })

  it('lists every code by area', () => {
    const text = printed(listCodes)
    expect(text).toContain('Redis and the ledger\n')
    expect(text).toContain('  github-rate-limited ')
  })
})
