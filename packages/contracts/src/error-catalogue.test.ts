import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { ERROR_AREAS, errorEntry, isErrorCode } from './error-catalogue.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const sources = globSync('{packages,services,demo}/**/src/**/*.ts', {
  cwd: root,
  exclude: ['**/node_modules/**', '**/*.test.ts', 'packages/contracts/src/error-catalogue/**'],
}).map((path) => ({ path, text: readFileSync(`${root}${path}`, 'utf8') }))
const entries = Object.values(ERROR_AREAS).flatMap((area) => Object.entries(area))

describe('the error catalogue', () => {
  it('has each code once', () => {
    const codes = entries.map(([code]) => code)
    expect(codes.filter((code, index) => codes.indexOf(code) !== index)).toEqual([])
  })

  it('has no entry that nothing uses', () => {
    const unused = entries
      .map(([code]) => code)
      .filter((code) => !sources.some(({ text }) => text.includes(`'${code}'`)))
    expect(unused).toEqual([])
  })

  it('gives each code the category that it is thrown with', () => {
    const thrown = sources.flatMap(({ path, text }) =>
      [...text.matchAll(/category: '([a-z-]+)',\s+code: '([a-z-]+)'/g)].map(([, category, code = '']) => ({
        path,
        code,
        category,
      })),
    )
    expect(thrown.length).toBeGreaterThan(80)
    const differing = thrown.filter(({ code, category }) => isErrorCode(code) && errorEntry(code).category !== category)
    expect(differing).toEqual([])
  })

  it('holds a task only for what a person can mend, and tries again only what passes', () => {
    const passing = ['transient', 'sandbox', 'conflict']
    for (const [code, { category, retry }] of entries) {
      const expected = passing.includes(category)
        ? ['backoff', 'asked-wait', 'person', 'never', 'at-once']
        : category === 'cancelled'
          ? ['at-once', 'never']
          : ['person', 'never']
      expect(expected, code).toContain(retry)
    }
  })

  it('says cause and remedy in whole sentences', () => {
    for (const [code, { cause, remedy }] of entries)
      for (const text of [cause, remedy]) expect(text, code).toMatch(/^(\p{Lu}|`|git |docker-gate ).*\.$/su)
  })
})
